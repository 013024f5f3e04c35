"""Power cuts over one recorded swap: one side, the other or both lose what they had not synced; then both come back.

python -m faults.swap.cuts [--cuts N] [--seed S]     (in tests/)
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import sqlalchemy as sa

from tukar.errors import Conflict
from tukar.exchange.receipts import verify
from tukar.exchange.sentences import explain
from tukar.exchange.states import FINAL, State
from tukar.objects.tables import held_files, held_objects
from tukar.usecases import swap

from ..powercut import Mode, Trace, record
from .party import Party, settle
from .workload import BASE, CHILD, both

_MODES: Sequence[Mode] = ("strict", "everything", "random", "random")
_SIDES = ("ours", "theirs", "both")
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Cut:
    """Before which event, on which side, and what became there of what was not synced; the other side only stopped.

    Attributes:
        cancels: the offerer's operator cancels when the hubs are back, if that is still possible.
    """

    event: int
    side: str
    mode: Mode
    seed: int
    cancels: bool


def recorded(root: Path, what: str = "swap") -> Trace:
    """One swap below ``root``, between two hubs that are there already."""
    command = [sys.executable, "-m", "faults.swap.workload", str(root)]
    tests = Path(__file__).parents[2]
    root.mkdir(exist_ok=True)
    subprocess.run([*command, "prepare"], check=True, cwd=tests)
    return record([*command, what], root, timeout=300)


def sample(trace: Trace, count: int, seed: int) -> Iterator[Cut]:
    """``count`` cuts, spread evenly over the swap."""
    random = Random(seed)
    events = [event for event in trace.cuts() if "begun" in trace.markers_before(event)]
    for number in range(count):
        first, last = number * len(events) // count, (number + 1) * len(events) // count
        event = events[random.randrange(first, max(last, first + 1))]
        yield Cut(event, random.choice(_SIDES), random.choice(_MODES), random.randrange(1 << 30), random.random() < 0.3)


def look(trace: Trace, cut: Cut, folder: Path) -> list[str]:
    """What is wrong once both hubs have come back and gone on; nothing, if all is well."""
    lost, kept = folder / f"lost-{os.getpid()}", folder / f"kept-{os.getpid()}"
    trace.build(cut.event, cut.seed, cut.mode, lost)
    trace.build(cut.event, cut.seed, "everything", kept)
    ours = lost if cut.side in ("ours", "both") else kept
    theirs = lost if cut.side in ("theirs", "both") else kept
    try:
        with both(ours, theirs) as parties:
            return [f"{cut}: {fault}" for fault in _faults(parties, trace.markers_before(cut.event), cut)]
    finally:
        shutil.rmtree(lost)
        shutil.rmtree(kept)


def _faults(parties: tuple[Party, Party], markers: Sequence[str], cut: Cut) -> Iterator[str]:
    ours, theirs = parties
    promised = {marker.split()[0] for marker in markers}
    known = ours.swap_ids()
    if "offered" in promised and not known:
        yield "an offer that was acknowledged is lost"
    for swap_id in known:
        yield from _explained(parties)
        if cut.cancels:
            with suppress(Conflict):
                swap.cancel(ours.services, ours.operator, swap_id, "changed our mind")
        settle(parties, swap_id)
        if swap_id in theirs.swap_ids() and theirs.record(swap_id).swap.state is State.OFFERED:
            if "accepted" in promised:
                yield "an acceptance that was acknowledged is lost"
            theirs.accept(swap_id)
            settle(parties, swap_id)
        yield from _explained(parties)
    yield from _ended(parties, known)


def _explained(parties: Sequence[Party]) -> Iterator[str]:
    for party in parties:
        for swap_id in party.swap_ids():
            if not explain(party.record(swap_id).swap).endswith("."):
                yield f"{party.name} has no sentence for {party.record(swap_id).swap}"


def _ended(parties: tuple[Party, Party], known: Sequence[str]) -> Iterator[str]:
    ours, theirs = parties
    if ours.read("admin/base") != BASE or theirs.read("admin/child") != CHILD:
        yield "what was there before is not as it was"
    if set(theirs.swap_ids()) - set(known):
        yield "the acceptor knows a swap that the offerer does not"
    have = [ours.has("admin/child"), theirs.has("admin/base")]
    cancelled = any(ours.record(swap_id).swap.state is State.CANCELLED for swap_id in known)
    if have != [bool(known) and not cancelled] * 2:
        yield f"one side has it and the other has not, or neither: {have}"
    elif have[0] and (ours.read("admin/child") != CHILD or theirs.read("admin/base") != BASE):
        yield "what was handed over is not what it was"
    for swap_id in known:
        receipts = [party.record(swap_id).receipt if swap_id in party.swap_ids() else None for party in parties]
        if receipts[0] != receipts[1] or (receipts[0] is None) != cancelled:
            yield "the receipts are not the same"
        elif receipts[0] is not None:
            verify(receipts[0])
    for party in parties:
        yield from _clean(party)


def _clean(party: Party) -> Iterator[str]:
    for swap_id in party.swap_ids():
        state = party.record(swap_id).swap
        if state.state not in FINAL or not state.settled:
            yield f"{party.name} has not ended: {state}, {party.record(swap_id).error}"
    with party.services.database.read() as tx:
        held = [tx.scalar(sa.select(sa.func.count()).select_from(table)) for table in (held_objects, held_files)]
    if any(held) or any(party.services.arrivals.glob("*/stream")):
        yield f"{party.name} has not swept its quarantine"
    for finding in party.services.objects.checker(0.0).run():
        yield f"{party.name}: {finding.message}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None, prefix="tukar-") as folder:
        trace = recorded(Path(folder) / "root")
        cuts = list(sample(trace, asked.cuts, asked.seed))
        faults = [fault for cut in cuts for fault in look(trace, cut, Path(folder))]
    for fault in faults:
        print(fault)
    sides = Counter(f"{cut.side} {cut.mode}" for cut in cuts)
    print(f"cuts: {len(cuts)} at {len({cut.event for cut in cuts})} points, seed {asked.seed}")
    print(", ".join(f"{side} {count}" for side, count in sorted(sides.items())))
    print(f"faults: {len(faults)}; time: {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
