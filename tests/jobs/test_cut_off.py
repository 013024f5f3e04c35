"""Where all workers are known to be gone, nobody waits for their leases."""

from __future__ import annotations

from tukar.database import Transaction
from tukar.jobs import queue

from .conftest import NOW


def test_a_job_that_was_cut_off_is_due_at_once(tx: Transaction) -> None:
    job = queue.submit(tx, "check", now=NOW)
    queue.claim(tx, ["check"], "me", NOW, 60)
    queue.cut_off(tx, NOW + 1)
    again = queue.claim(tx, ["check"], "you", NOW + 1, 60)
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 2)
    assert again.error == "the worker stopped: me was cut off in attempt 1 of 3"


def test_the_last_attempt_fails_for_good(tx: Transaction) -> None:
    job = queue.submit(tx, "check", now=NOW, max_attempts=1)
    queue.claim(tx, ["check"], "me", NOW, 60)
    queue.cut_off(tx, NOW + 1)
    assert queue.get(tx, job.id).state == "failed"
    assert queue.submit(tx, "check", now=NOW + 1, unique=True).id != job.id


def test_whoever_comes_back_has_lost_it(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    job = queue.claim(tx, ["check"], "me", NOW, 60)
    assert job is not None
    queue.cut_off(tx, NOW + 1)
    assert not queue.complete(tx, job, None, NOW + 2)


def test_what_is_queued_or_has_ended_stays(tx: Transaction) -> None:
    ended, queued = queue.submit(tx, "check", now=NOW), queue.submit(tx, "gc", now=NOW)
    job = queue.claim(tx, ["check"], "me", NOW, 60)
    assert job is not None
    queue.complete(tx, job, {"faults": []}, NOW)
    queue.cut_off(tx, NOW + 1)
    assert [queue.get(tx, each.id).state for each in (ended, queued)] == ["done", "queued"]
