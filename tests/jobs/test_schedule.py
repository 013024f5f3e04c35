"""Recurring jobs come when they are due, once."""

from __future__ import annotations

import pytest

from tukar.database import Database, Transaction
from tukar.errors import Invalid
from tukar.jobs import Every, Runner, queue
from tukar.jobs.schedule import submit_due

from .conftest import NOW, Clock

DAILY = Every("check", 86400, {"deep": True})


def do_one(tx: Transaction, now: float) -> None:
    job = queue.claim(tx, ["check"], "me", now, 60)
    assert job is not None
    queue.complete(tx, job, None, now)


def test_the_first_comes_at_once_and_the_next_after_the_period(tx: Transaction) -> None:
    (job,) = submit_due(tx, [DAILY], NOW)
    assert (job.kind, job.payload, job.run_at) == ("check", {"deep": True}, NOW)
    do_one(tx, NOW + 600)
    assert submit_due(tx, [DAILY], NOW + 86399) == []
    assert len(submit_due(tx, [DAILY], NOW + 86400)) == 1


def test_one_that_takes_longer_than_its_period_is_not_doubled(tx: Transaction) -> None:
    submit_due(tx, [DAILY], NOW)
    submit_due(tx, [DAILY], NOW + 3 * 86400)
    assert len(queue.listing(tx)) == 1
    do_one(tx, NOW + 3 * 86400)
    submit_due(tx, [DAILY], NOW + 3 * 86400)
    assert len(queue.listing(tx)) == 2


def test_one_that_a_person_submitted_counts(tx: Transaction) -> None:
    queue.submit(tx, "check", {"deep": True}, now=NOW)
    do_one(tx, NOW)
    assert submit_due(tx, [DAILY], NOW + 3600) == []


def test_another_payload_has_a_period_of_its_own(tx: Transaction) -> None:
    submit_due(tx, [DAILY], NOW)
    assert [job.payload for job in submit_due(tx, [DAILY, Every("check", 3600)], NOW)] == [{}]


def test_a_clock_that_was_set_back_delays_nothing(tx: Transaction) -> None:
    submit_due(tx, [DAILY], NOW + 10**9)
    do_one(tx, NOW + 10**9)
    assert len(submit_due(tx, [DAILY], NOW)) == 1
    do_one(tx, NOW)
    assert submit_due(tx, [DAILY], NOW + 3600) == []


def test_runners_submit_what_is_due_and_a_restart_repeats_nothing(database: Database, clock: Clock) -> None:
    done = []

    def runner() -> Runner:
        return Runner(database, {"check": lambda context: done.append(context.payload)}, recurring=[DAILY], clock=clock)

    first = runner()
    assert first.run_one()
    assert not first.run_one()
    clock.now += 86400
    restarted = runner()
    assert restarted.run_one()
    assert not restarted.run_one()
    assert not first.run_one()
    assert done == [{"deep": True}] * 2


def test_the_last_of_a_recurring_job_is_kept_for_as_long_as_it_tells_the_next(database: Database, clock: Clock) -> None:
    yearly = [Every("check", 366 * 86400)]
    assert Runner(database, {"check": lambda _: None}, recurring=yearly, clock=clock).run_one()
    clock.now += 300 * 86400
    assert not Runner(database, {"check": lambda _: None}, recurring=yearly, clock=clock).run_one()


def test_a_recurring_job_needs_a_handler(database: Database) -> None:
    with pytest.raises(Invalid, match="nothing handles the recurring jobs of kind check"):
        Runner(database, {}, recurring=[DAILY])
