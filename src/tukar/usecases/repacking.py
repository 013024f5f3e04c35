"""Repacking as a hub does it: by itself, until somebody pauses it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Final

from tukar.catalog.values import Identity
from tukar.database import facts
from tukar.jobs import queue
from tukar.jobs.context import JobContext
from tukar.jobs.values import OPEN, Json
from tukar.jobs.values import Progress as JobProgress
from tukar.objects import repack
from tukar.objects.repack import Progress, Repacker
from tukar.objects.replacing import Repacked
from tukar.usecases.accounts import require_admin
from tukar.usecases.services import Services

JOB: Final = "repack"
_PAUSED: Final = "repack_paused"
_ASK: Final = 0.5  # seconds between looks whether it is paused


@dataclass(frozen=True, slots=True)
class Standing:
    """How far repacking is.

    Attributes:
        pending_files: files whose tensors are still to be looked at.
        pending_bytes: of these, raw.
        paused: whether it waits until it is resumed.
        running: whether it is under way now, or about to be.
        error: why it did not go on the last time; None if it did.
        done_bytes: raw, that the run under way has dealt with; 0 if there is none.
        total_bytes: about how many it has to deal with.
        note: what came of it so far.
    """

    pending_files: int
    pending_bytes: int
    paused: bool
    running: bool
    error: str | None
    done_bytes: int
    total_bytes: int
    note: str


def standing(services: Services, identity: Identity) -> Standing:
    """How far it is. For administrators."""
    require_admin(identity)
    return _standing(services)


def pause(services: Services, identity: Identity, *, paused: bool) -> Standing:
    """Stop it after the tensor that it is at, or let it go on: a job that does is due at once. For administrators."""
    require_admin(identity)
    with services.database.write() as tx:
        if paused:
            facts.put(tx, _PAUSED, "yes")
        else:
            facts.drop(tx, _PAUSED)
            # Again: one that is running may have seen that it was to pause.
            queue.submit(tx, JOB, now=services.clock(), unique=True, again=True)
    return _standing(services)


def run(services: Services, on_progress: Progress, on_saved: Progress = lambda _: None) -> Repacked:
    """Repack all that is pending, until it is paused."""
    asked, is_paused = -_ASK, False

    def goes_on() -> bool:
        nonlocal asked, is_paused
        if not is_paused and time.monotonic() >= asked + _ASK:
            asked = time.monotonic()
            with services.database.read() as tx:
                is_paused = facts.get(tx, _PAUSED) is not None
        return not is_paused

    storage = services.objects.storage
    return Repacker(services.database, storage, services.clock, on_progress, goes_on, on_saved=on_saved).run()


def drive(services: Services, context: JobContext) -> Json:
    """The job."""
    before, saved, done = _standing(services), Saved(), 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        context.progress(done, max(done, before.pending_bytes), saved.told())
        context.checkpoint()

    return asdict(run(services, advance, saved.add))


class Saved:
    """How much less is taken by what a run has encoded anew."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, nbytes: int) -> None:
        """So many bytes less again."""
        self._bytes += nbytes

    def told(self) -> str:
        """For people; empty as long as it is nothing."""
        return f"{self._bytes / 1e6:,.1f} MB saved so far" if self._bytes else ""


def _standing(services: Services) -> Standing:
    with services.database.read() as tx:
        last = next(iter(queue.listing(tx, kinds=[JOB], limit=1)), None)
        is_open = last is not None and last.state in OPEN
        progress = last.progress if last is not None and is_open else JobProgress()
        return Standing(
            *repack.pending(tx),
            paused=facts.get(tx, _PAUSED) is not None,
            running=is_open,
            error=None if last is None or last.state == "cancelled" else last.error,
            done_bytes=progress.done,
            total_bytes=progress.total or 0,
            note=progress.note,
        )
