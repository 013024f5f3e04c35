"""Jobs outlive the processes that work on them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tukar.database import Database
from tukar.jobs import Runner

from .conftest import look, submit, wait_until

LEASE_SECONDS = 1.5


@pytest.fixture
def job_id(database: Database) -> int:
    return submit(database, now=time.time())


@contextmanager
def worker(database: Database) -> Iterator[subprocess.Popen[str]]:
    """A process in the midst of the job."""
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), url, str(LEASE_SECONDS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


def successor(database: Database) -> Runner:
    return Runner(database, {"greet": lambda _: "from the successor"}, owner="successor", poll_seconds=0.02)


def test_the_job_of_a_killed_process_is_taken_over_when_its_lease_runs_out(database: Database, job_id: int) -> None:
    with worker(database) as process:
        process.kill()
        process.wait()
    left = look(database, job_id)
    assert (left.state, left.lease_owner) == ("running", "worker")
    with successor(database):
        wait_until(lambda: look(database, job_id).state == "done")
    job = look(database, job_id)
    assert (job.result, job.attempts, job.error) == ("from the successor", 2, None)
    assert job.started_at is not None
    assert left.leased_until is not None
    assert job.started_at >= left.leased_until


def test_a_process_that_lives_keeps_its_job_beyond_the_first_lease(database: Database, job_id: int) -> None:
    with worker(database) as process, successor(database):
        first = look(database, job_id).leased_until or 0.0
        wait_until(lambda: time.time() > first + LEASE_SECONDS / 2)
        assert process.communicate("go\n")[0] == "ended\n"
    job = look(database, job_id)
    assert (job.state, job.result, job.attempts) == ("done", "from the worker", 1)


def test_a_process_that_was_frozen_beyond_its_lease_changes_nothing(database: Database, job_id: int) -> None:
    with worker(database) as process:
        process.send_signal(signal.SIGSTOP)
        with successor(database):
            wait_until(lambda: look(database, job_id).state == "done")
        taken_over = look(database, job_id)
        process.send_signal(signal.SIGCONT)
        assert process.communicate("go\n")[0] == "ended\n"
        assert process.returncode == 0
    assert look(database, job_id) == taken_over
    assert (taken_over.result, taken_over.attempts) == ("from the successor", 2)
