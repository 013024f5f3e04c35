"""What a hub does by itself: check what it stores, collect garbage, encode anew what came plain."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Final

from tukar.config import Config
from tukar.errors import Invalid
from tukar.jobs.context import JobContext
from tukar.jobs.runner import Handler
from tukar.jobs.schedule import Every
from tukar.jobs.values import Json
from tukar.usecases import peer, repacking
from tukar.usecases.check import check, stored_bytes
from tukar.usecases.collect import collect
from tukar.usecases.services import Services
from tukar.usecases.swap_run import Turns, drive_in_turn, meet
from tukar.usecases.swap_steps import JOB as SWAP

CHECK: Final = "check"
GC: Final = "gc"
AT_ONCE: Final[Mapping[str, int]] = {CHECK: 1, GC: 1, repacking.JOB: 1, peer.FOLLOW: 1, SWAP: 4}
"""Jobs of a kind at a time. Each has a thread, so that no kind waits for another: peers may be slow."""
_FAULTS_KEPT: Final = 200
_LONGEST: Final = 1e12

_log = logging.getLogger(__name__)


def handlers(services: Services, config: Config) -> Mapping[str, Handler]:
    """Who does which kind of job."""

    turns = Turns()
    upkeep = threading.Lock()  # one at a time

    def run_check(context: JobContext) -> Json:
        with upkeep:
            return _check(services, context)

    def run_gc(context: JobContext) -> Json:
        grace = _seconds(context.payload.get("grace"), config.gc_grace)
        window = _seconds(context.payload.get("upload_window"), config.upload_window)
        with upkeep:
            return asdict(collect(services, grace, window))

    def run_repack(context: JobContext) -> Json:  # beside the others: it can take days
        return repacking.drive(services, context)

    def run_swap(context: JobContext) -> Json:
        return drive_in_turn(services, partial(meet, checkpoint=context.checkpoint), context, turns, config.swap_pause)

    def run_follow(context: JobContext) -> Json:
        return peer.follow_all(services, context)

    return {CHECK: run_check, GC: run_gc, repacking.JOB: run_repack, SWAP: run_swap, peer.FOLLOW: run_follow}


def recurring(config: Config) -> list[Every]:
    """What is done again and again, and how often; a period of 0 is never."""
    wanted = ((CHECK, config.check_every), (GC, config.gc_every), (repacking.JOB, config.repack_every))
    return [Every(kind, period) for kind, period in wanted if period > 0]


def _seconds(value: Json, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LONGEST:
        raise Invalid(f"not a number of seconds: {value!r}")
    return float(value)


def _check(services: Services, context: JobContext) -> Json:
    total, done = stored_bytes(services), 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        context.progress(done, total)
        context.checkpoint()

    faults = []
    for fault in check(services, advance):
        _log.error("check: %s; touches %s", fault.message, ", ".join(fault.files) or "no file")
        faults.append({"message": fault.message, "files": list(fault.files)})
    return {"faults": faults[:_FAULTS_KEPT], "fault_count": len(faults), "bytes": done}
