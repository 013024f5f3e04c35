"""A claim takes the right job, and a lease that runs out gives it to the next."""

from __future__ import annotations

import pytest

from tukar.database import Transaction
from tukar.jobs import Progress, queue

from .conftest import NOW


def test_a_claim_leases_the_job_to_its_owner(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    job = queue.claim(tx, ["check"], "me", NOW + 5, 60)
    assert job is not None
    assert (job.state, job.lease_owner, job.leased_until) == ("running", "me", NOW + 65)
    assert (job.attempts, job.started_at) == (1, NOW + 5)
    assert queue.claim(tx, ["check"], "you", NOW + 5, 60) is None


def test_higher_priority_goes_first_then_what_is_due_longest_then_what_came_first(tx: Transaction) -> None:
    late = queue.submit(tx, "check", now=NOW)
    later = queue.submit(tx, "check", now=NOW)
    early = queue.submit(tx, "check", now=NOW, run_at=NOW - 5)
    urgent = queue.submit(tx, "check", now=NOW, priority=1)
    taken = [queue.claim(tx, ["check"], "me", NOW, 60) for _ in range(4)]
    assert [job.id for job in taken if job] == [urgent.id, early.id, late.id, later.id]


def test_what_is_not_due_is_left(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW, run_at=NOW + 10)
    assert queue.claim(tx, ["check"], "me", NOW + 9.9, 60) is None
    assert queue.claim(tx, ["check"], "me", NOW + 10, 60) is not None


@pytest.mark.parametrize("kinds", [[], ["repack"], ["repack", "mirror"]])
def test_other_kinds_are_left(tx: Transaction, kinds: list[str]) -> None:
    queue.submit(tx, "check", now=NOW)
    assert queue.claim(tx, kinds, "me", NOW, 60) is None


def test_an_expired_lease_is_another_attempt(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    first = queue.claim(tx, ["check"], "me", NOW, 60)
    assert first is not None
    queue.report(tx, first, Progress(7, 10, "half"))
    assert queue.claim(tx, ["check"], "you", NOW + 59.9, 60) is None
    second = queue.claim(tx, ["check"], "you", NOW + 60, 60)
    assert second is not None
    assert (second.id, second.attempts, second.lease_owner) == (first.id, 2, "you")
    assert second.progress == Progress()
    assert second.error == "the worker stopped: me let its lease run out in attempt 1 of 3"


def test_a_renewed_lease_does_not_expire(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    job = queue.claim(tx, ["check"], "me", NOW, 60)
    assert job is not None
    assert queue.renew(tx, job, NOW + 50, 60)
    assert queue.claim(tx, ["check"], "you", NOW + 109, 60) is None
    assert queue.claim(tx, ["check"], "you", NOW + 110, 60) is not None


def test_a_lease_that_ran_out_and_that_nobody_took_can_be_renewed(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    job = queue.claim(tx, ["check"], "me", NOW, 60)
    assert job is not None
    assert queue.renew(tx, job, NOW + 500, 60)
    assert queue.claim(tx, ["check"], "you", NOW + 501, 60) is None


def test_a_job_fails_for_good_when_its_last_lease_runs_out(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW, max_attempts=2)
    assert queue.claim(tx, ["check"], "me", NOW, 60)
    job = queue.claim(tx, ["check"], "you", NOW + 60, 60)
    assert job is not None
    assert queue.claim(tx, ["check"], "me", NOW + 120, 60) is None
    ended = queue.get(tx, job.id)
    assert (ended.state, ended.finished_at, ended.attempts) == ("failed", NOW + 120, 2)
    assert (ended.lease_owner, ended.leased_until) == (None, None)
    assert ended.error == "the worker stopped: you let its lease run out in attempt 2 of 2"


def test_expired_jobs_of_other_kinds_are_left_to_those_who_do_them(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW, max_attempts=1)
    job = queue.claim(tx, ["check"], "me", NOW, 60)
    assert job is not None
    assert queue.claim(tx, ["repack"], "you", NOW + 600, 60) is None
    assert queue.get(tx, job.id) == job


def test_an_expired_job_that_was_to_be_cancelled_is(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    job = queue.claim(tx, ["check"], "me", NOW, 60)
    assert job is not None
    queue.cancel(tx, job.id, NOW)
    assert queue.claim(tx, ["check"], "you", NOW + 60, 60) is None
    assert queue.get(tx, job.id).state == "cancelled"
