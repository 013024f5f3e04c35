"""Many power cuts over one recorded run of the workload, and a report of what was found.

python -m faults.hub.campaign [--plan P] [--cuts N] [--seed S] [--workers W]     (in tests/)
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import sqlalchemy

import tukar

from ..powercut import Mode, Trace, record
from . import verify
from .plan import PLANS, steps

MEMORY = Path("/dev/shm")
_MODES: Sequence[Mode] = ("strict", "everything", "random", "random")
_STEPS = steps()


class Cut(NamedTuple):
    """A power cut: before which event, what was left to chance, and what became of that which was not synced."""

    event: int
    seed: int
    mode: Mode


@dataclass(frozen=True)
class Finding:
    """What was wrong after a cut."""

    cut: Cut
    during: tuple[str, ...]
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.cut}, during {', '.join(self.during) or 'nothing'}:\n  " + "\n  ".join(self.faults)


def recorded(root: Path, *arguments: str) -> Trace:
    """One run of the workload below ``root``."""
    root.mkdir(exist_ok=True)
    return record([sys.executable, "-m", "faults.hub.workload", root, *arguments], root, timeout=300)


def sample(trace: Trace, count: int, seed: int, wanted: Callable[[int], bool] = lambda _: True) -> Iterator[Cut]:
    """``count`` cuts, spread evenly over all that ``wanted`` takes."""
    random, events = Random(seed), [event for event in trace.cuts() if wanted(event)]
    for number in range(count):
        start, stop = number * len(events) // count, (number + 1) * len(events) // count
        event = events[random.randrange(start, max(stop, start + 1))]
        yield Cut(event, random.randrange(1 << 30), random.choice(_MODES))


def look(trace: Trace, cut: Cut, folder: Path, earlier: Sequence[str] = ()) -> Finding | None:
    """What is wrong after a cut; None if nothing is.

    Args:
        folder: for the state, which is removed again.
        earlier: the markers from before the recording.
    """
    state = folder / f"state-{os.getpid()}"
    made = verify.promises([*earlier, *trace.markers_before(cut.event)], _STEPS)
    trace.build(cut.event, cut.seed, cut.mode, state)
    try:
        faults = verify.faults(state, made)
    finally:
        shutil.rmtree(state)
    return Finding(cut, tuple(map(str, made.pending.values())), tuple(faults)) if faults else None


def pending_at(trace: Trace, event: int) -> list[str]:
    """The kinds of steps that were under way at an event."""
    made = verify.promises(trace.markers_before(event), _STEPS)
    return sorted({type(step).__name__ for step in made.pending.values()}) or ["start, end or between"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="everything")
    parser.add_argument("--cuts", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None, prefix="tukar-") as folder:
        return _campaign(Path(folder), asked.plan, asked.cuts, asked.seed, asked.workers)


def _campaign(folder: Path, plan: str, count: int, seed: int, workers: int) -> int:
    began = time.monotonic()
    trace = recorded(folder / "root", plan)
    cuts = list(sample(trace, count, seed))
    # Forked, so that every worker has the trace; nothing else runs in this process yet.
    with multiprocessing.get_context("fork").Pool(workers, _begin, (trace, folder)) as pool:
        findings = [found for found in pool.imap_unordered(_work, cuts, chunksize=8) if found is not None]
    for finding in findings:
        print(finding)
    print(_report(plan, trace, cuts, findings, seed, time.monotonic() - began))
    return 1 if findings else 0


_given: list[tuple[Trace, Path]] = []


def _begin(trace: Trace, folder: Path) -> None:
    _given.append((trace, folder))


def _work(cut: Cut) -> Finding | None:
    ((trace, folder),) = _given
    return look(trace, cut, folder)


def _report(
    plan: str, trace: Trace, cuts: Sequence[Cut], findings: Sequence[Finding], seed: int, seconds: float
) -> str:
    during = Counter(kind for cut in cuts for kind in pending_at(trace, cut.event))
    modes = Counter(cut.mode for cut in cuts)
    lines = [
        f"date: {datetime.now(UTC):%Y-%m-%d}, plan {plan}, seed {seed}",
        f"Tukar {tukar.__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"SQLAlchemy {sqlalchemy.__version__}, Linux {platform.release()}",
        f"points at which a cut makes a difference: {len(trace.cuts())}",
        f"cuts: {len(cuts)} at {len({cut.event for cut in cuts})} points",
        "what was not synced: " + ", ".join(f"{mode} {count}" for mode, count in sorted(modes.items())),
        "under way: " + ", ".join(f"{kind} {count}" for kind, count in during.most_common()),
        f"faults: {len(findings)}",
        f"time: {seconds:.0f} s",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
