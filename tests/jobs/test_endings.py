"""How a claimed job ends, and that only the claim that holds it can say so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tukar.database import Transaction
from tukar.errors import Invalid, NotFound
from tukar.jobs import Job, Progress, queue

from .conftest import NOW


@pytest.fixture
def job(tx: Transaction) -> Job:
    queue.submit(tx, "check", now=NOW)
    return claim(tx, "me", NOW)


def claim(tx: Transaction, owner: str, now: float) -> Job:
    job = queue.claim(tx, ["check"], owner, now, 60)
    assert job is not None
    return job


def test_a_completed_job_has_its_result(tx: Transaction, job: Job) -> None:
    assert queue.complete(tx, job, {"faults": []}, NOW + 5)
    ended = queue.get(tx, job.id)
    assert (ended.state, ended.result, ended.error, ended.finished_at) == ("done", {"faults": []}, None, NOW + 5)
    assert (ended.lease_owner, ended.leased_until) == (None, None)


def test_progress_is_kept_when_it_ends(tx: Transaction, job: Job) -> None:
    assert queue.report(tx, job, Progress(3, 9, "x" * 300))
    assert queue.complete(tx, job, None, NOW)
    assert queue.get(tx, job.id).progress == Progress(3, 9, "x" * 199 + "…")


def test_a_result_must_be_json(tx: Transaction, job: Job) -> None:
    with pytest.raises(Invalid, match="the result of the job"):
        queue.complete(tx, job, object(), NOW)


def test_a_failed_attempt_is_repeated_after_a_pause_that_doubles(tx: Transaction, job: Job) -> None:
    assert queue.fail(tx, job, "no room", NOW, retry_seconds=10)
    waiting = queue.get(tx, job.id)
    assert (waiting.state, waiting.error, waiting.run_at, waiting.attempts) == ("queued", "no room", NOW + 10, 1)
    second = claim(tx, "me", NOW + 10)
    assert queue.fail(tx, second, "no room", NOW + 10, retry_seconds=10)
    assert queue.get(tx, job.id).run_at == NOW + 30


def test_the_pause_is_an_hour_at_most(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW, max_attempts=3000)
    now = NOW
    for _ in range(40):
        job = claim(tx, "me", now)
        queue.fail(tx, job, "no", now)
        now = queue.get(tx, job.id).run_at
    assert now - queue.get(tx, job.id).started_at == 3600


def test_after_the_last_attempt_it_has_failed(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW, max_attempts=1)
    job = claim(tx, "me", NOW)
    assert queue.fail(tx, job, "no room", NOW + 1)
    ended = queue.get(tx, job.id)
    assert (ended.state, ended.error, ended.finished_at) == ("failed", "no room", NOW + 1)


def test_an_error_is_text_that_every_database_takes(tx: Transaction, job: Job) -> None:
    assert queue.fail(tx, job, "a\0b\udcff" + "c" * 3000, NOW)
    error = queue.get(tx, job.id).error
    assert error is not None
    assert error.startswith("a\ufffdb?ccc")
    assert len(error) == queue.MAX_ERROR


def test_a_job_that_succeeds_at_last_has_no_error(tx: Transaction, job: Job) -> None:
    queue.fail(tx, job, "no room", NOW, retry_seconds=0)
    assert queue.complete(tx, claim(tx, "me", NOW), 1, NOW)
    assert queue.get(tx, job.id).error is None


def test_a_released_job_waits_again_and_the_attempt_does_not_count(tx: Transaction, job: Job) -> None:
    assert queue.release(tx, job, NOW + 5)
    waiting = queue.get(tx, job.id)
    assert (waiting.state, waiting.attempts, waiting.run_at, waiting.lease_owner) == ("queued", 0, NOW, None)


def test_a_released_job_that_was_to_be_cancelled_is(tx: Transaction, job: Job) -> None:
    queue.cancel(tx, job.id, NOW)
    assert queue.release(tx, job, NOW)
    assert queue.get(tx, job.id).state == "cancelled"


def test_a_failed_job_that_was_to_be_cancelled_is_not_repeated(tx: Transaction, job: Job) -> None:
    queue.cancel(tx, job.id, NOW)
    assert queue.fail(tx, job, "no room", NOW)
    ended = queue.get(tx, job.id)
    assert (ended.state, ended.error) == ("cancelled", "no room")


def test_a_queued_job_is_cancelled_at_once(tx: Transaction) -> None:
    job = queue.submit(tx, "check", now=NOW)
    ended = queue.cancel(tx, job.id, NOW + 1)
    assert (ended.state, ended.finished_at) == ("cancelled", NOW + 1)
    assert queue.claim(tx, ["check"], "me", NOW + 1, 60) is None


def test_a_running_job_is_asked_to_stop(tx: Transaction, job: Job) -> None:
    flagged = queue.cancel(tx, job.id, NOW)
    assert (flagged.state, flagged.cancel_requested) == ("running", True)
    assert queue.abandon(tx, job, NOW + 1)
    ended = queue.get(tx, job.id)
    assert (ended.state, ended.cancel_requested, ended.finished_at) == ("cancelled", False, NOW + 1)


def test_a_job_whose_worker_is_gone_is_cancelled_at_once(tx: Transaction, job: Job) -> None:
    assert queue.cancel(tx, job.id, NOW + 60).state == "cancelled"


def test_a_job_that_ended_before_it_saw_the_request_is_done(tx: Transaction, job: Job) -> None:
    queue.cancel(tx, job.id, NOW)
    assert queue.complete(tx, job, 1, NOW)
    assert queue.get(tx, job.id).state == "done"


def test_what_has_ended_cannot_be_cancelled(tx: Transaction, job: Job) -> None:
    queue.complete(tx, job, 1, NOW)
    ended = queue.get(tx, job.id)
    assert queue.cancel(tx, job.id, NOW + 1) == ended


def test_nothing_cannot_be_cancelled(tx: Transaction) -> None:
    with pytest.raises(NotFound, match="no job 1000"):
        queue.cancel(tx, 1000, NOW)


ENDINGS: dict[str, Callable[[Transaction, Job], bool]] = {
    "renew": lambda tx, job: queue.renew(tx, job, NOW + 61, 60),
    "report": lambda tx, job: queue.report(tx, job, Progress(1)),
    "complete": lambda tx, job: queue.complete(tx, job, "old", NOW + 61),
    "fail": lambda tx, job: queue.fail(tx, job, "old", NOW + 61),
    "release": lambda tx, job: queue.release(tx, job, NOW + 61),
    "abandon": lambda tx, job: queue.abandon(tx, job, NOW + 61),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("successor", ["you", "me"])
def test_a_lost_lease_says_nothing_more(tx: Transaction, job: Job, ending: str, successor: str) -> None:
    current = claim(tx, successor, NOW + 60)
    assert not ENDINGS[ending](tx, job)
    assert queue.get(tx, job.id) == current


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_claim_that_was_given_back_says_nothing_more(tx: Transaction, job: Job, ending: str) -> None:
    queue.release(tx, job, NOW)
    current = claim(tx, "me", NOW)
    assert current.attempts == job.attempts  # owner and attempt are the same: only the fence tells them apart
    assert not ENDINGS[ending](tx, job)
    assert queue.get(tx, job.id) == current


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ended_job_ends_once(tx: Transaction, job: Job, ending: str) -> None:
    queue.complete(tx, job, "first", NOW)
    ended = queue.get(tx, job.id)
    assert not ENDINGS[ending](tx, job)
    assert queue.get(tx, job.id) == ended


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_claim_from_before_a_backup_was_restored_says_nothing_more(tx: Transaction, ending: str) -> None:
    queue.submit(tx, "check", now=NOW)
    backup = tx.begin_nested()
    before = claim(tx, "me", NOW)
    backup.rollback()
    current = claim(tx, "you", NOW)
    assert current.fence == before.fence  # only the owner tells them apart
    assert not ENDINGS[ending](tx, before)
    assert queue.get(tx, before.id) == current
