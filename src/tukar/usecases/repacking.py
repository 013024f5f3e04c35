"""Repacking as a hub does it: by itself, until somebody pauses it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Final

from tukar.catalog.values import Identity
from tukar.database import facts
from tukar.jobs.context import JobContext
from tukar.jobs.values import Json
from tukar.objects import repack
from tukar.objects.repack import Progress, Repacked, Repacker
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
    """

    pending_files: int
    pending_bytes: int
    paused: bool


def standing(services: Services, identity: Identity) -> Standing:
    """How far it is. For administrators."""
    require_admin(identity)
    return _standing(services)


def pause(services: Services, identity: Identity, *, paused: bool) -> Standing:
    """Stop it after the tensor that it is at, or let it go on. For administrators."""
    require_admin(identity)
    with services.database.write() as tx:
        if paused:
            facts.put(tx, _PAUSED, "yes")
        else:
            facts.drop(tx, _PAUSED)
    return _standing(services)


def run(services: Services, on_progress: Progress) -> Repacked:
    """Repack all that is pending, until it is paused."""
    asked, is_paused = -_ASK, False

    def goes_on() -> bool:
        nonlocal asked, is_paused
        if not is_paused and time.monotonic() >= asked + _ASK:
            asked = time.monotonic()
            with services.database.read() as tx:
                is_paused = facts.get(tx, _PAUSED) is not None
        return not is_paused

    return Repacker(services.database, services.objects.storage, services.clock, on_progress, goes_on).run()


def drive(services: Services, context: JobContext) -> Json:
    """The job."""
    before, done = _standing(services), 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        context.progress(done, max(done, before.pending_bytes))
        context.checkpoint()

    return asdict(run(services, advance))


def _standing(services: Services) -> Standing:
    with services.database.read() as tx:
        return Standing(*repack.pending(tx), facts.get(tx, _PAUSED) is not None)
