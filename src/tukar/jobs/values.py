"""The frozen values of jobs, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

import sqlalchemy as sa

from tukar.errors import Invalid

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: Final[tuple[JobState, ...]] = ("queued", "running")

MAX_JSON: Final = 1 << 20  # bytes of a payload or a result: rows are read whole, listings many at a time


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        done: in whatever unit the handler counts.
        total: in the same unit; None if it is not known.
        note: what it is at, for people.
    """

    done: int = 0
    total: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when it was read. Times are seconds since the epoch.

    Attributes:
        kind: which handler does it.
        payload: the handler's arguments.
        priority: higher goes first.
        run_at: it is not begun before.
        started_at: when it was last claimed; None before.
        finished_at: when it became done, failed or cancelled; None before.
        attempts: how often it was begun, less the times that it was given back unfinished.
        fence: grows with every claim, and so tells one claim from all before it.
        lease_owner: who runs it; None unless it is running.
        leased_until: when others may take it over; None unless it is running.
        cancel_requested: it is running, and whoever runs it is to stop.
        result: what the handler returned; None unless it is done.
        error: why the last attempt failed; None if none did, or once it is done.
    """

    id: int
    kind: str
    payload: Mapping[str, Json]
    state: JobState
    priority: int
    run_at: float
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    max_attempts: int
    fence: int
    lease_owner: str | None
    leased_until: float | None
    cancel_requested: bool
    progress: Progress
    result: Json
    error: str | None

    @classmethod
    def of(cls, row: sa.Row[Any]) -> Self:
        """From a row of the table of jobs."""
        fields = dict(row._mapping)
        fields["payload"] = json.loads(fields["payload"])
        fields["result"] = None if fields["result"] is None else json.loads(fields["result"])
        fields["progress"] = Progress(*(fields.pop(f"progress_{name}") for name in ("done", "total", "note")))
        return cls(**fields)

    def expired(self, now: float) -> bool:
        """Whether it is running under a lease that was not renewed in time."""
        return self.leased_until is not None and self.leased_until <= now


def to_json(value: Json, what: str) -> str:
    """The one JSON text of a value: equal values have equal texts.

    Raises:
        Invalid: it has no JSON, or more than 1 MiB of it; ``what`` names it in the message.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{what} cannot be written as JSON: {error}") from error
    if len(text) > MAX_JSON:
        raise Invalid(f"{what} has {len(text)} bytes of JSON; at most {MAX_JSON} are kept")
    return text


def to_text(text: str, length: int) -> str:
    """Text that every database takes and a listing can show: no NUL, no lone surrogates, cut to ``length``."""
    clean = text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= length else clean[: length - 1] + "…"
