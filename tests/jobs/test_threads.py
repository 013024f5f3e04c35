"""Runners with real threads: they wake, share the work, stop cleanly and keep their leases."""

from __future__ import annotations

import itertools
import threading
from collections import Counter

import pytest

from tukar.database import Database
from tukar.jobs import JobContext, Json, Runner, queue
from tukar.jobs.bell import Bell

from .conftest import NOW, Clock, look, submit, wait_until

NEVER = 3600.0  # a poll that no test lives to see


def test_a_ring_between_the_look_and_the_wait_is_heard() -> None:
    bell = Bell()
    seen = bell.count
    bell.ring()
    assert bell.wait(seen, 60)
    assert not bell.wait(bell.count, 0)


def test_every_thread_hears_a_ring() -> None:
    bell = Bell()
    threads = [threading.Thread(target=bell.wait, args=(0, NEVER), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    bell.ring()
    wait_until(lambda: not any(thread.is_alive() for thread in threads))


def test_a_job_is_begun_when_the_runner_is_woken(database: Database, clock: Clock) -> None:
    with Runner(database, {"greet": lambda _: "hello"}, clock=clock, poll_seconds=NEVER) as runner:
        for _ in range(3):  # from the second on, the thread is waiting or about to
            job_id = submit(database)
            runner.wake()
            wait_until(lambda: look(database, job_id).state == "done")  # noqa: B023 - it ends within the round


def test_a_job_of_another_process_is_found_by_polling(database: Database, clock: Clock) -> None:
    with Runner(database, {"greet": lambda _: "hello"}, clock=clock, poll_seconds=0.01):
        for _ in range(2):
            job_id = submit(database)
            wait_until(lambda: look(database, job_id).state == "done")  # noqa: B023 - it ends within the round


def test_many_threads_of_many_runners_do_each_job_once(database: Database, clock: Clock) -> None:
    done: Counter[int] = Counter()
    counting = threading.Lock()

    def greet(context: JobContext) -> Json:
        with counting:
            done[context.job.id] += 1
        return None

    ids = [submit(database) for _ in range(40)]
    runners = [Runner(database, {"greet": greet}, clock=clock, threads=3, poll_seconds=0.01) for _ in range(2)]
    with runners[0], runners[1]:
        wait_until(lambda: sum(done.values()) >= len(ids))
    assert done == Counter(ids)
    assert {look(database, job_id).state for job_id in ids} == {"done"}


def test_two_threads_work_at_the_same_time(database: Database, clock: Clock) -> None:
    meeting = threading.Barrier(2)
    ids = [submit(database) for _ in range(2)]
    with Runner(database, {"greet": lambda _: meeting.wait(30)}, clock=clock, threads=2, poll_seconds=0.01):
        wait_until(lambda: all(look(database, job_id).state == "done" for job_id in ids))
    assert sorted(str(look(database, job_id).result) for job_id in ids) == ["0", "1"]


def test_stopping_puts_the_job_back_for_the_next_runner(database: Database, clock: Clock) -> None:
    begun = threading.Event()

    def greet(context: JobContext) -> Json:
        begun.set()
        while True:
            context.checkpoint()
            threading.Event().wait(0.005)

    job_id = submit(database)
    runner = Runner(database, {"greet": greet}, clock=clock)
    runner.start()
    assert begun.wait(30)
    assert runner.stop()
    job = look(database, job_id)
    assert (job.state, job.attempts, job.lease_owner, job.error) == ("queued", 0, None, None)
    assert Runner(database, {"greet": lambda _: "hello"}, clock=clock).run_one()
    assert look(database, job_id).result == "hello"


def test_stopping_waits_no_longer_than_it_is_told(database: Database, clock: Clock) -> None:
    begun, end = threading.Event(), threading.Event()

    def greet(_: JobContext) -> Json:
        begun.set()
        return end.wait(30)

    job_id = submit(database)
    runner = Runner(database, {"greet": greet}, clock=clock)
    runner.start()
    assert begun.wait(30)
    assert not runner.stop(timeout=0.01)
    assert look(database, job_id).state == "running"
    end.set()
    assert runner.stop()
    assert look(database, job_id).state == "done"


def test_an_idle_runner_stops_at_once(database: Database, clock: Clock) -> None:
    runner = Runner(database, {}, clock=clock, poll_seconds=NEVER, threads=2)
    runner.start()
    assert runner.stop(timeout=30)


def test_a_runner_that_was_never_started_has_stopped(database: Database) -> None:
    assert Runner(database, {}).stop()


def test_a_job_is_cancelled_from_outside(database: Database) -> None:
    begun = threading.Event()
    ticks = itertools.count(int(NOW) + 1)  # a second passes whenever someone looks at the clock

    def greet(context: JobContext) -> Json:
        begun.set()
        while True:
            context.checkpoint()
            threading.Event().wait(0.005)

    job_id = submit(database)
    with Runner(database, {"greet": greet}, clock=lambda: float(next(ticks)), lease_seconds=1e9):
        assert begun.wait(30)
        with database.write() as tx:
            assert queue.cancel(tx, job_id, 0.0).state == "running"
        wait_until(lambda: look(database, job_id).state == "cancelled")


def test_the_lease_of_a_long_job_is_renewed(database: Database) -> None:
    held_until = []

    def greet(context: JobContext) -> Json:
        first = look(database, context.job.id).leased_until or 0.0
        held_until.append(first)
        # Twice the lease: without renewals, the other thread would have taken the job over.
        wait_until(lambda: (look(database, context.job.id).leased_until or 0.0) > first + 6)
        context.checkpoint()
        return "hello"

    job_id = submit(database)
    with Runner(database, {"greet": greet}, lease_seconds=3, poll_seconds=0.05, threads=2):
        # What it held first, for only then has the job been claimed.
        wait_until(lambda: bool(held_until) and look(database, job_id).state != "running")
    job = look(database, job_id)
    assert (job.state, job.attempts, len(held_until)) == ("done", 1, 1)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)], ids=["error", "exit"])
def test_a_thread_outlives_the_errors_of_handlers(database: Database, clock: Clock, error: BaseException) -> None:
    def fail(_: JobContext) -> Json:
        raise error

    bad = submit(database, kind="bad", priority=1, max_attempts=1)
    good = submit(database)
    with Runner(database, {"bad": fail, "greet": lambda _: 1}, clock=clock):
        wait_until(lambda: look(database, good).state == "done")
    assert look(database, bad).state == "failed"


def test_a_kind_takes_no_more_threads_than_it_may(database: Database, clock: Clock) -> None:
    """However many jobs of it wait, there is a thread for the others."""
    end, begun = threading.Event(), Counter[str]()

    def stay(context: JobContext) -> Json:
        begun[context.job.kind] += 1
        return end.wait(30)

    slow = [submit(database, kind="slow", priority=9) for _ in range(5)]
    handlers = {"slow": stay, "greet": lambda _: "hello"}
    with Runner(database, handlers, clock=clock, threads=3, at_once={"slow": 2}, poll_seconds=0.01):
        wait_until(lambda: begun["slow"] == 2)
        for _ in range(3):
            greeting = submit(database)
            wait_until(lambda: look(database, greeting).state == "done")  # noqa: B023 - it ends within the round
        assert [look(database, job_id).state for job_id in slow] == ["running"] * 2 + ["queued"] * 3
        end.set()
        wait_until(lambda: all(look(database, job_id).state == "done" for job_id in slow))


def test_a_kind_whose_job_failed_has_its_thread_again(database: Database, clock: Clock) -> None:
    def fail(_: JobContext) -> Json:
        raise ValueError("no")

    ids = [submit(database, kind="bad", max_attempts=1) for _ in range(3)]
    with Runner(database, {"bad": fail}, clock=clock, threads=2, at_once={"bad": 1}, poll_seconds=0.01):
        wait_until(lambda: all(look(database, job_id).state == "failed" for job_id in ids))
