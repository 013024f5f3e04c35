"""Whatever order things happen in: no job is lost, no claim counts twice, attempts are bounded."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tukar.database import Database, Transaction
from tukar.jobs import Job, Progress, queue

from .conftest import NOW

KINDS = ("check", "repack")
RETRY = 10.0


@dataclass
class Expected:
    """What a job should be, as a person would keep the books."""

    kind: str
    payload: int
    priority: int
    run_at: float
    max_attempts: int
    state: str = "queued"
    attempts: int = 0
    holder: Job | None = None
    until: float = 0.0
    flagged: bool = False
    endings: int = 0

    def end(self, state: str) -> None:
        self.state, self.holder, self.flagged = state, None, False
        self.endings += 1

    def wait(self, run_at: float) -> None:
        self.state, self.holder, self.run_at = "queued", None, run_at

    def stumble(self, run_at: float) -> None:
        if self.flagged:
            self.end("cancelled")
        elif self.attempts == self.max_attempts:
            self.end("failed")
        else:
            self.wait(run_at)


class QueueMachine(RuleBasedStateMachine):
    claims: Bundle[Job] = Bundle("claims")
    ids: Bundle[int] = Bundle("ids")

    def __init__(self, tx: Transaction) -> None:
        super().__init__()
        self.tx = tx
        self.savepoint = tx.begin_nested()
        self.now = NOW
        self.expected: dict[int, Expected] = {}

    @rule(seconds=st.sampled_from([5.0, 31.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # Few jobs, so that much happens to each.
    @precondition(lambda self: len(self.expected) < 3)
    @rule(
        target=ids,
        kind=st.sampled_from(KINDS),
        payload=st.integers(0, 1),
        priority=st.integers(0, 2),
        delay=st.sampled_from([0.0, 0.0, 7.0]),
        max_attempts=st.integers(1, 3),
        unique=st.booleans(),
    )
    def submit(self, kind: str, payload: int, priority: int, delay: float, max_attempts: int, unique: bool) -> int:
        same = [job_id for job_id, job in self.expected.items() if self._is_open(job, kind, payload)] if unique else []
        options = {"run_at": self.now + delay, "priority": priority, "max_attempts": max_attempts, "unique": unique}
        job = queue.submit(self.tx, kind, {"n": payload}, now=self.now, **options)
        if not same:
            assert job.id not in self.expected
            self.expected[job.id] = Expected(kind, payload, priority, self.now + delay, max_attempts)
        else:
            assert job.id == max(same)
            known = self.expected[job.id]
            if known.state == "queued":
                known.run_at, known.priority = min(known.run_at, self.now + delay), max(known.priority, priority)
        return job.id

    @rule(
        target=claims,
        kinds=st.sampled_from([KINDS, KINDS, KINDS[:1]]),
        owner=st.sampled_from(["me", "you"]),
        lease=st.sampled_from([6.0, 30.0]),
    )
    def claim(self, kinds: tuple[str, ...], owner: str, lease: float) -> Job | MultipleResults[Job]:
        for job in self.expected.values():
            if job.kind in kinds and job.state == "running" and job.until <= self.now:
                job.stumble(job.run_at)
        due = [
            (-job.priority, job.run_at, job_id)
            for job_id, job in self.expected.items()
            if job.kind in kinds and job.state == "queued" and job.run_at <= self.now
        ]
        claimed = queue.claim(self.tx, kinds, owner, self.now, lease)
        if not due:
            assert claimed is None
            return multiple()
        assert claimed is not None
        assert claimed.id == min(due)[2]
        job = self.expected[claimed.id]
        job.state, job.holder, job.until, job.attempts = "running", claimed, self.now + lease, job.attempts + 1
        return claimed

    @rule(claim=claims, lease=st.sampled_from([6.0, 30.0]))
    def renew(self, claim: Job, lease: float) -> None:
        job = self.expected[claim.id]
        assert queue.renew(self.tx, claim, self.now, lease) == (job.holder is claim)
        if job.holder is claim:
            job.until = self.now + lease

    @rule(claim=claims, verb=st.sampled_from(["report", "complete", "complete", "fail", "release", "abandon"]))
    def end(self, claim: Job, verb: str) -> None:
        job = self.expected[claim.id]
        assert self._end(verb, claim) == (job.holder is claim)
        if job.holder is not claim:
            return
        if verb == "complete":
            job.end("done")
        elif verb == "fail":
            job.stumble(self.now + RETRY * 2 ** (job.attempts - 1))
        elif verb == "abandon" or (verb == "release" and job.flagged):
            job.end("cancelled")
        elif verb == "release":
            job.attempts -= 1
            job.wait(job.run_at)

    @rule(job_id=ids)
    def cancel(self, job_id: int) -> None:
        job = self.expected[job_id]
        queue.cancel(self.tx, job_id, self.now)
        if job.state == "queued" or (job.state == "running" and job.until <= self.now):
            job.end("cancelled")
        elif job.state == "running":
            job.flagged = True

    @invariant()
    def the_rows_are_as_expected(self) -> None:
        rows = {job.id: job for job in queue.listing(self.tx)}
        assert rows.keys() == self.expected.keys()
        for job_id, expected in self.expected.items():
            row = rows[job_id]
            assert (row.state, row.attempts, row.run_at) == (expected.state, expected.attempts, expected.run_at)
            assert 0 <= row.attempts <= row.max_attempts
            assert row.cancel_requested == expected.flagged
            assert (row.lease_owner is None) == (row.leased_until is None) == (row.state != "running")
            assert (row.finished_at is not None) == (expected.endings == 1) == (row.state not in ("queued", "running"))
            assert expected.endings <= 1

    def teardown(self) -> None:
        """Every job comes to an end, if only workers go on."""
        for _ in range(4 * len(self.expected) + 4):
            self.now += 4000
            while (job := queue.claim(self.tx, KINDS, "last", self.now, 30)) is not None:
                assert queue.complete(self.tx, job, None, self.now)
        assert not queue.listing(self.tx, states=["queued", "running"])
        assert len(queue.listing(self.tx)) == len(self.expected)
        self.savepoint.rollback()

    def _end(self, verb: str, claim: Job) -> bool:
        verbs = {
            "report": lambda: queue.report(self.tx, claim, Progress(1)),
            "complete": lambda: queue.complete(self.tx, claim, None, self.now),
            "fail": lambda: queue.fail(self.tx, claim, "no", self.now, retry_seconds=RETRY),
            "release": lambda: queue.release(self.tx, claim, self.now),
            "abandon": lambda: queue.abandon(self.tx, claim, self.now),
        }
        return verbs[verb]()

    @staticmethod
    def _is_open(job: Expected, kind: str, payload: int) -> bool:
        same = (job.kind, job.payload) == (kind, payload)
        return same and job.state in ("queued", "running") and not job.flagged


def test_no_order_of_events_loses_a_job_or_counts_one_twice(database: Database) -> None:
    limits = settings(
        max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    with database.write() as tx:
        run_state_machine_as_test(lambda: QueueMachine(tx), settings=limits)
