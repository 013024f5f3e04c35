"""What becomes of a job, by what its handler does."""

from __future__ import annotations

import sys

import pytest

from tukar.database import Database
from tukar.errors import Corrupt, Invalid, NotFound
from tukar.jobs import Cancelled, Handler, JobContext, Json, Progress, Runner, queue

from .conftest import Clock, look, submit


def run_one(database: Database, handler: Handler, clock: Clock) -> bool:
    return Runner(database, {"greet": handler}, clock=clock, owner="me").run_one()


def test_what_the_handler_returns_is_the_result(database: Database, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        assert (context.job.attempts, context.job.lease_owner) == (1, "me")
        return f"hello {context.payload['name']}"

    job_id = submit(database, payload={"name": "Ada"})
    assert run_one(database, greet, clock)
    assert not run_one(database, greet, clock)
    job = look(database, job_id)
    assert (job.state, job.result, job.attempts) == ("done", "hello Ada", 1)


def test_a_job_without_a_handler_is_left(database: Database, clock: Clock) -> None:
    job_id = submit(database, kind="mirror")
    assert not run_one(database, lambda _: None, clock)
    assert look(database, job_id).state == "queued"


def test_our_own_errors_are_kept_in_full(database: Database, clock: Clock) -> None:
    def greet(_: JobContext) -> Json:
        raise Corrupt("pack 12ab is torn at byte 4096")

    job_id = submit(database)
    assert run_one(database, greet, clock)
    job = look(database, job_id)
    assert (job.state, job.error) == ("queued", "pack 12ab is torn at byte 4096")
    assert job.run_at == clock.now + queue.RETRY_SECONDS


def test_other_errors_are_kept_short_and_logged_in_full(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def greet(_: JobContext) -> Json:
        raise ZeroDivisionError("x" * 5000)

    job_id = submit(database)
    run_one(database, greet, clock)
    error = look(database, job_id).error
    assert error is not None
    assert error.startswith("ZeroDivisionError: xxx")
    assert len(error) == 300
    assert "x" * 5000 in caplog.text
    assert "Traceback" in caplog.text


def test_a_handler_that_exits_only_fails(database: Database, clock: Clock) -> None:
    job_id = submit(database, max_attempts=1)
    run_one(database, lambda _: sys.exit(3), clock)
    assert (look(database, job_id).state, look(database, job_id).error) == ("failed", "SystemExit: 3")


def test_a_result_that_is_not_json_fails_the_attempt(database: Database, clock: Clock) -> None:
    job_id = submit(database)
    run_one(database, lambda _: object(), clock)
    assert "what the handler of greet returned cannot be written as JSON" in (look(database, job_id).error or "")


def test_attempts_go_on_until_one_succeeds(database: Database, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        if context.job.attempts < 3:
            raise NotFound("nobody is there")
        return "hello"

    job_id = submit(database)
    for _ in range(3):
        assert run_one(database, greet, clock)
        assert not run_one(database, greet, clock)
        clock.now += 3600
    assert (look(database, job_id).state, look(database, job_id).result) == ("done", "hello")


def test_a_handler_may_find_its_job_pointless(database: Database, clock: Clock) -> None:
    def greet(_: JobContext) -> Json:
        raise Cancelled("the repository is gone")

    job_id = submit(database)
    run_one(database, greet, clock)
    assert look(database, job_id).state == "cancelled"


def test_the_last_progress_is_kept_however_soon_it_came(database: Database, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        for done in range(1, 6):
            context.progress(done, 5, f"person {done}")
        return None

    job_id = submit(database)
    run_one(database, greet, clock)
    assert look(database, job_id).progress == Progress(5, 5, "person 5")


def test_progress_is_written_once_a_second_at_most(database: Database, clock: Clock) -> None:
    seen = []

    def greet(context: JobContext) -> Json:
        for done in range(5):
            context.progress(done)
            seen.append(look(database, context.job.id).progress.done)
            clock.now += 0.5
        return None

    submit(database)
    run_one(database, greet, clock)
    assert seen == [0, 0, 2, 2, 4]


def test_a_clock_that_is_set_back_does_not_silence_progress(database: Database, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        context.progress(1)
        clock.now -= 1000
        context.progress(2)
        return look(database, context.job.id).progress.done

    job_id = submit(database)
    run_one(database, greet, clock)
    assert look(database, job_id).result == 2


def test_a_request_to_cancel_is_seen_at_a_checkpoint(database: Database, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        context.checkpoint()
        with database.write() as tx:
            queue.cancel(tx, context.job.id, clock.now)
        clock.now += 1
        context.checkpoint()
        pytest.fail("the checkpoint let it pass")

    job_id = submit(database)
    run_one(database, greet, clock)
    assert look(database, job_id).state == "cancelled"


@pytest.mark.parametrize("looks", [True, False], ids=["sees it", "does not look"])
def test_the_result_of_a_lost_lease_is_discarded(
    database: Database, clock: Clock, looks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def greet(context: JobContext) -> Json:
        clock.now += 60
        with database.write() as tx:
            assert queue.claim(tx, ["greet"], "successor", clock.now, 60)
        if looks:
            context.checkpoint()
            pytest.fail("the checkpoint let it pass")
        context.progress(99)
        return "from the dead"

    job_id = submit(database)
    assert run_one(database, greet, clock)
    job = look(database, job_id)
    assert (job.state, job.lease_owner, job.attempts) == ("running", "successor", 2)
    assert (job.result, job.progress) == (None, Progress())
    assert "its lease was lost" in caplog.text


def test_a_lost_lease_is_seen_while_reporting(database: Database, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        context.checkpoint()
        with database.write() as tx:
            queue.claim(tx, ["greet"], "successor", clock.now + 60, 60)
        context.progress(1)  # within the second in which a checkpoint does not look
        context.checkpoint()
        pytest.fail("the checkpoint let it pass")

    job_id = submit(database)
    run_one(database, greet, clock)
    assert look(database, job_id).lease_owner == "successor"


def test_old_jobs_are_forgotten(database: Database, clock: Clock) -> None:
    job_id = submit(database)
    runner = Runner(database, {"greet": lambda _: None}, clock=clock, keep_seconds=7200)
    assert runner.run_one()
    clock.now += 7100
    runner.run_one()
    assert look(database, job_id).state == "done"
    clock.now += 3600
    runner.run_one()
    with pytest.raises(NotFound):
        look(database, job_id)


@pytest.mark.parametrize("numbers", [{"threads": 0}, {"lease_seconds": 0}, {"poll_seconds": -1}], ids=str)
def test_numbers_that_make_no_sense_are_refused(database: Database, numbers: dict[str, float]) -> None:
    with pytest.raises(Invalid, match="a runner needs"):
        Runner(database, {}, **numbers)
