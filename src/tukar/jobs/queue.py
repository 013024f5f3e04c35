"""What can be done with jobs: every function is one step inside the caller's transaction.

A claim lends a job to an owner until a time: the lease. Whoever holds it renews it; once it runs out, anyone may claim
the job anew. Each claim raises the job's ``fence`` (M. Kleppmann, "How to do distributed locking", 2016), and what a
worker reports counts only while owner and fence are still its own. So a worker that was frozen beyond its lease cannot
undo what its successor did. The fence, not the clocks, makes this safe; clocks that disagree among machines by a good
part of a lease only cost attempts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import Invalid, NotFound
from tukar.jobs.tables import jobs
from tukar.jobs.values import OPEN, Job, JobState, Json, Progress, to_json, to_text

RETRY_SECONDS: Final = 10.0
MAX_RETRY_SECONDS: Final = 3600.0
MAX_ERROR: Final = 2000
MAX_NOTE: Final = 200

_C = jobs.c
_NO_LEASE: Final[Mapping[str, object]] = {"lease_owner": None, "leased_until": None, "cancel_requested": False}


def submit(
    tx: Transaction,
    kind: str,
    payload: Mapping[str, Json] | None = None,
    *,
    now: float,
    run_at: float | None = None,
    priority: int = 0,
    max_attempts: int = 3,
    unique: bool = False,
    again: bool = False,
) -> Job:
    """Add a job.

    Args:
        kind: which handler does it: lower-case letters, digits, ``-``, ``_`` and ``.``.
        payload: the handler's arguments.
        run_at: not before; by default at once.
        priority: higher goes first.
        max_attempts: how often it is begun before it fails for good.
        unique: return the job of the same kind and payload that is queued or running, if there is one. If it is queued,
            it takes the earlier time and the higher priority of both.
        again: with ``unique``, one that is running does not count: it may be past what the caller wants looked at.

    Raises:
        Invalid: the kind, the payload or the number of attempts.
    """
    if not re.fullmatch(r"[a-z][a-z0-9._-]{0,63}", kind):
        raise Invalid(f"not a valid kind of job: {kind[:80]!r}")
    if max_attempts < 1:
        raise Invalid(f"a job needs at least one attempt, not {max_attempts}")
    text = to_json(payload or {}, "the payload of the job")
    run_at = now if run_at is None else run_at
    same = _open(tx, kind, text, ["queued"] if again else OPEN) if unique else None
    if same is not None:
        return _hasten(tx, same, run_at, priority)
    row = {"kind": kind, "payload": text, "state": "queued", "priority": priority, "run_at": run_at, "created_at": now}
    row |= {"attempts": 0, "max_attempts": max_attempts, "fence": 0, **_NO_LEASE, **_columns(Progress())}
    return get(tx, tx.execute(sa.insert(jobs).values(row).returning(_C.id)).scalar_one())


def claim(tx: Transaction, kinds: Collection[str], owner: str, now: float, lease_seconds: float) -> Job | None:
    """Take the first job of these kinds that is due, for ``lease_seconds``; None if there is none.

    Jobs whose lease ran out count as a failed attempt first: they are due again, failed for good after their last
    attempt, or cancelled if that was asked for.
    """
    for job in _rows(tx, _C.state == "running", _C.leased_until <= now, _C.kind.in_(kinds)):
        error = f"the worker stopped: {job.lease_owner} let its lease run out in attempt {_attempt(job)}"
        _after_failure(tx, job, error, now, retry_at=job.run_at)
    due = sa.select(_C.id).where(_C.state == "queued", _C.run_at <= now, _C.kind.in_(kinds))
    found = tx.execute(due.order_by(_C.priority.desc(), _C.run_at, _C.id).limit(1)).scalar()
    if found is None:
        return None
    lease = {"state": "running", "lease_owner": owner, "leased_until": now + lease_seconds, "started_at": now}
    counted = {"attempts": _C.attempts + 1, "fence": _C.fence + 1}
    _update(tx, found, **lease, **counted, **_columns(Progress()))
    return get(tx, found)


def cut_off(tx: Transaction, now: float) -> None:
    """End every claim as if its lease had run out: for who knows that whoever held one is gone."""
    for job in _rows(tx, _C.state == "running"):
        error = f"the worker stopped: {job.lease_owner} was cut off in attempt {_attempt(job)}"
        _after_failure(tx, job, error, now, retry_at=job.run_at)


def holding(tx: Transaction, job: Job) -> Job | None:
    """The job as it is now, if the claim that ``job`` came from still holds; None if it does not."""
    # The owner beside the fence: a database restored from a backup counts its fences anew.
    same = (_C.id == job.id, _C.fence == job.fence, _C.lease_owner == job.lease_owner)
    return next(iter(_rows(tx, _C.state == "running", *same)), None)


def renew(tx: Transaction, job: Job, now: float, lease_seconds: float) -> bool:
    """Hold a job for ``lease_seconds`` from now; False if the lease is lost."""
    if holding(tx, job) is None:
        return False
    _update(tx, job.id, leased_until=now + lease_seconds)
    return True


def report(tx: Transaction, job: Job, progress: Progress) -> bool:
    """Show how far a job is; False if the lease is lost."""
    if holding(tx, job) is None:
        return False
    _update(tx, job.id, **_columns(progress))
    return True


def complete(tx: Transaction, job: Job, result: Json, now: float) -> bool:
    """Done, with this result; False, and nothing is recorded, if the lease is lost. Invalid if it is not JSON."""
    if holding(tx, job) is None:
        return False
    _end(tx, job, "done", now, result=to_json(result, "the result of the job"), error=None)
    return True


def fail(tx: Transaction, job: Job, error: str, now: float, *, retry_seconds: float = RETRY_SECONDS) -> bool:
    """The attempt failed; False, and nothing is recorded, if the lease is lost.

    The job is due again after ``retry_seconds``, twice as long after each further attempt, an hour at most. After the
    last attempt it has failed for good; if it was to be cancelled, it is.
    """
    current = holding(tx, job)
    if current is None:
        return False
    pause = min(retry_seconds * 2 ** min(current.attempts - 1, 30), MAX_RETRY_SECONDS)
    _after_failure(tx, current, error, now, retry_at=now + pause)
    return True


def release(tx: Transaction, job: Job, now: float) -> bool:
    """Give a job back unfinished, which does not count as an attempt; False if the lease is lost."""
    current = holding(tx, job)
    if current is None:
        return False
    if current.cancel_requested:
        _end(tx, current, "cancelled", now)
    else:
        _put_back(tx, current, attempts=current.attempts - 1)
    return True


def abandon(tx: Transaction, job: Job, now: float) -> bool:
    """End a job as cancelled, by the one who runs it; False if the lease is lost."""
    if holding(tx, job) is None:
        return False
    _end(tx, job, "cancelled", now)
    return True


def cancel(tx: Transaction, job_id: int, now: float) -> Job:
    """Ask for a job not to be done: at once, or when whoever runs it next looks. One that has ended stays as it is.

    Raises:
        NotFound: there is no such job.
    """
    job = get(tx, job_id)
    if job.state == "queued" or job.expired(now):
        _end(tx, job, "cancelled", now)
    elif job.state == "running":
        _update(tx, job_id, cancel_requested=True)
    return get(tx, job_id)


def get(tx: Transaction, job_id: int) -> Job:
    """The job of that id; NotFound if there is none."""
    for job in _rows(tx, _C.id == job_id):
        return job
    raise NotFound(f"there is no job {job_id}", hint="ended jobs are forgotten after a while")


def listing(
    tx: Transaction,
    *,
    kinds: Collection[str] | None = None,
    states: Collection[JobState] | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Job]:
    """Jobs, newest first: of these kinds and states (None: all), with an id below ``before``, at most ``limit``."""
    wanted: list[sa.ColumnElement[bool]] = []
    if kinds is not None:
        wanted.append(_C.kind.in_(kinds))
    if states is not None:
        wanted.append(_C.state.in_(states))
    if before is not None:
        wanted.append(_C.id < before)
    return _rows(tx, *wanted, limit=limit)


def latest(tx: Transaction, kind: str, payload: Mapping[str, Json]) -> Job | None:
    """The job of that kind and payload that was submitted last, whatever became of it; None if there is none."""
    text = to_json(payload, "the payload of the job")
    return next(iter(_rows(tx, _C.kind == kind, _C.payload == text, limit=1)), None)


def prune(tx: Transaction, before: float) -> int:
    """Forget the jobs that ended before that time; returns how many they were."""
    return tx.execute(sa.delete(jobs).where(_C.finished_at < before)).rowcount


def forget_done(tx: Transaction, kind: str, payload: Mapping[str, Json]) -> None:
    """Forget the jobs of that kind and payload that are done: for what is looked at again and again."""
    text = to_json(payload, "the payload of the job")
    tx.execute(sa.delete(jobs).where(_C.kind == kind, _C.payload == text, _C.state == "done"))


def _open(tx: Transaction, kind: str, payload: str, states: Collection[str]) -> Job | None:
    # One that is about to be cancelled does not do what the caller wants done.
    same = (_C.kind == kind, _C.payload == payload, _C.state.in_(states), _C.cancel_requested == sa.false())
    return next(iter(_rows(tx, *same, limit=1)), None)


def _hasten(tx: Transaction, job: Job, run_at: float, priority: int) -> Job:
    if job.state == "queued":
        _update(tx, job.id, run_at=min(job.run_at, run_at), priority=max(job.priority, priority))
    return get(tx, job.id)


def _after_failure(tx: Transaction, job: Job, error: str, now: float, *, retry_at: float) -> None:
    error = to_text(error, MAX_ERROR)
    if job.cancel_requested:
        _end(tx, job, "cancelled", now, error=error)
    elif job.attempts >= job.max_attempts:
        _end(tx, job, "failed", now, error=error)
    else:
        _put_back(tx, job, run_at=retry_at, error=error)


def _put_back(tx: Transaction, job: Job, **values: object) -> None:
    _update(tx, job.id, state="queued", **_NO_LEASE, **values)


def _end(tx: Transaction, job: Job, state: JobState, now: float, **values: object) -> None:
    _update(tx, job.id, state=state, finished_at=now, **_NO_LEASE, **values)


def _update(tx: Transaction, job_id: int, **values: object) -> None:
    tx.execute(sa.update(jobs).where(_C.id == job_id).values(**values))


def _rows(tx: Transaction, *wanted: sa.ColumnElement[bool], limit: int | None = None) -> list[Job]:
    rows = tx.execute(sa.select(jobs).where(*wanted).order_by(_C.id.desc()).limit(limit))
    return [Job.of(row) for row in rows]


def _columns(progress: Progress) -> dict[str, Any]:
    note = to_text(progress.note, MAX_NOTE)
    return {"progress_done": progress.done, "progress_total": progress.total, "progress_note": note}


def _attempt(job: Job) -> str:
    return f"{job.attempts} of {job.max_attempts}"
