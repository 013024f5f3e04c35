"""What happens to jobs while the database is away."""

from __future__ import annotations

from tukar.jobs import JobContext, Json, Progress, Runner, queue
from tukar.jobs.lease import Lease

from .conftest import NOW, Clock, Outage, look, submit, wait_until


def lease(database: Outage, clock: Clock) -> Lease:
    with database.write() as tx:
        job = queue.claim(tx, ["greet"], "me", clock.now, 60)
    assert job is not None
    return Lease(database, job, clock, 60)


def test_the_end_of_a_job_is_written_once_the_database_is_back(outage: Outage, clock: Clock) -> None:
    def greet(context: JobContext) -> Json:
        outage.out = True
        context.progress(1)
        context.checkpoint()
        return "hello"

    job_id = submit(outage)
    with Runner(outage, {"greet": greet}, clock=clock, poll_seconds=0.01):
        wait_until(lambda: outage.refused > 4)
        outage.out = False
        wait_until(lambda: look(outage, job_id).state == "done")
    job = look(outage, job_id)
    assert (job.result, job.attempts, job.progress.done) == ("hello", 1, 1)


def test_a_runner_goes_on_once_the_database_is_back(outage: Outage, clock: Clock) -> None:
    job_id = submit(outage)
    outage.out = True
    with Runner(outage, {"greet": lambda _: "hello"}, clock=clock, poll_seconds=0.01):
        wait_until(lambda: outage.refused > 1)
        outage.out = False
        wait_until(lambda: look(outage, job_id).state == "done")


def test_a_runner_stops_while_the_database_is_away(outage: Outage, clock: Clock) -> None:
    def greet(_: JobContext) -> Json:
        outage.out = True
        return "hello"

    job_id = submit(outage)
    runner = Runner(outage, {"greet": greet}, clock=clock)
    runner.start()
    wait_until(lambda: outage.refused > 0)
    assert runner.stop(timeout=30)
    outage.out = False
    assert look(outage, job_id).state == "running"  # until its lease runs out: nothing could be said of it


def test_a_lease_holds_without_the_database_until_it_runs_out(outage: Outage, clock: Clock) -> None:
    submit(outage)
    held = lease(outage, clock)
    clock.now += 30
    held.renew()  # until NOW + 90
    outage.out = True
    clock.now = NOW + 89
    held.renew()
    held.look()
    held.report(Progress(1))
    assert not held.lost
    clock.now = NOW + 90
    held.renew()
    assert held.lost


def test_a_lease_that_ran_out_while_the_machine_slept_is_renewed_if_nobody_took_it(
    outage: Outage, clock: Clock
) -> None:
    job_id = submit(outage)
    held = lease(outage, clock)
    clock.now += 8 * 3600
    held.renew()
    held.look()
    assert not held.lost
    assert look(outage, job_id).leased_until == clock.now + 60


def test_a_lost_lease_stays_lost(outage: Outage, clock: Clock) -> None:
    job_id = submit(outage)
    held = lease(outage, clock)
    with outage.write() as tx:
        queue.cancel(tx, job_id, clock.now + 60)
    held.look()
    held.report(Progress(1))
    held.renew()
    assert held.lost
    assert look(outage, job_id).progress == Progress()
