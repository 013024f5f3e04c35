"""Recurring jobs. What was done when is read from the table of jobs, so a restart neither repeats nor forgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tukar.database import Transaction
from tukar.jobs import queue
from tukar.jobs.values import Job, Json


@dataclass(frozen=True, slots=True)
class Every:
    """A job that comes again.

    Attributes:
        kind: which handler does it.
        seconds: from one submission to the next; a job that takes longer is not doubled but follows at once.
        payload: the handler's arguments; the same kind with another payload has a period of its own.
    """

    kind: str
    seconds: float
    payload: Mapping[str, Json] = field(default_factory=dict)


def submit_due(tx: Transaction, recurring: Iterable[Every], now: float) -> list[Job]:
    """Submit what is due: never submitted, or not open and last submitted a period ago, by whomever."""
    due = [every for every in recurring if _is_due(queue.latest(tx, every.kind, every.payload), every.seconds, now)]
    return [queue.submit(tx, every.kind, every.payload, now=now, unique=True) for every in due]


def _is_due(last: Job | None, seconds: float, now: float) -> bool:
    # A submission in the future is one under a clock that was wrong; to wait for it could take years.
    return last is None or not 0 <= now - last.created_at < seconds
