"""A folder store under simulated power cuts: what it said was stored is there, and nothing is ever half there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.storage.folder import FolderStorage
from tukar.testing.storage import get, put

from .powercut import Mode, Trace, can_record, record
from .workloads.blobs import content

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and gcc")


def recorded(scratch: Path, operations: int) -> Trace:
    root = scratch / "root"
    root.mkdir()
    return record([sys.executable, "-m", "faults.workloads.blobs", root, str(operations)], root)


def allowed(markers: list[str]) -> dict[str, set[int | None]]:
    """What each key may show: versions, or None for nothing.

    A created blob is there from then on. A deletion may come at any later time, so until the next creation the blob may
    be there or not; and what was begun may have happened or not.
    """
    may: dict[str, set[int | None]] = {}
    for when, what, key, version in (marker.split() for marker in markers):
        now = int(version) if what == "create" else None
        if when == "done" and what == "create":
            may[key] = {now}
        else:
            may.setdefault(key, {None}).add(now)
    return may


def wrong(state: Path, markers: list[str]) -> Iterator[str]:
    """What is not as the store has promised, and whether it goes on."""
    may = allowed(markers)
    storage = FolderStorage(state / "store")
    found = {stat.key: get(storage, stat.key) for stat in storage.list()}
    for key in found.keys() - may.keys():
        yield f"{key} was never begun"
    for key, versions in may.items():
        if found.get(key) not in [None if version is None else content(key, version) for version in versions]:
            yield f"{key}: {'lost' if key not in found else 'not whole, or not the last'}"
    storage.sweep()
    if left := list((state / "store/tmp").iterdir()):
        yield f"not swept: {left}"
    put(storage, "packs/00/next", b"next")
    if {stat.key: get(storage, stat.key) for stat in storage.list()} != {**found, "packs/00/next": b"next"}:
        yield "it does not go on"


def findings(trace: Trace, folder: Path, modes: dict[Mode, int]) -> list[str]:
    found = []
    for cut in trace.cuts():
        for mode, seeds in modes.items():
            for seed in range(seeds):
                state = folder / "state"
                trace.build(cut, seed, mode, state)
                found += [f"{cut} {mode} {seed}: {what}" for what in wrong(state, trace.markers_before(cut))]
                shutil.rmtree(state)
    return found


def test_a_few_blobs_survive(scratch: Path) -> None:
    trace = recorded(scratch, 12)
    assert len(trace.cuts()) > 50
    assert findings(trace, scratch, {"strict": 1, "random": 2}) == []


@pytest.mark.slow
def test_many_blobs_survive(scratch: Path) -> None:
    trace = recorded(scratch, 90)
    assert len(trace.cuts()) >= 300
    assert findings(trace, scratch, {"strict": 1, "everything": 1, "random": 4}) == []
