"""The power-cut harness finds what is wrong with a writer, whatever it is, and nothing wrong with a right one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .powercut import Mode, Trace, can_record, record
from .workloads.writers import CONTENT, RIGHT, WRONG

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and gcc")


def recorded(root: Path, way: str) -> Trace:
    root.mkdir()
    return record([sys.executable, "-m", "faults.workloads.writers", root, way], root)


def wrong(state: Path, markers: list[str]) -> Iterator[str]:
    """What is not as the writer has promised."""
    for name in (marker.removeprefix("done ") for marker in markers):
        if not (state / name).exists():
            yield f"{name} is lost"
    for name, content in CONTENT.items():
        if (state / name).exists() and (state / name).read_bytes() != content:
            yield f"{name} is not whole"


def findings(trace: Trace, folder: Path, modes: dict[Mode, int]) -> list[str]:
    """What is wrong after any cut, in any mode, with as many seeds as ``modes`` says."""
    found = []
    for cut in trace.cuts():
        for mode, seeds in modes.items():
            for seed in range(seeds):
                state = folder / f"{cut}-{mode}-{seed}"
                trace.build(cut, seed, mode, state)
                found += [f"{cut} {mode} {seed}: {what}" for what in wrong(state, trace.markers_before(cut))]
    return found


@pytest.mark.parametrize("way", [way.__name__ for way in RIGHT])
def test_a_right_writer_passes_at_every_cut(scratch: Path, way: str) -> None:
    trace = recorded(scratch / "root", way)
    assert len(trace.cuts()) > 40
    assert trace.markers_before(trace.cuts()[-1]) == [f"done {name}" for name in CONTENT]
    assert findings(trace, scratch, {"strict": 1, "everything": 1, "random": 6}) == []


@pytest.mark.parametrize("way", [way.__name__ for way in WRONG])
def test_a_wrong_writer_is_caught(scratch: Path, way: str) -> None:
    trace = recorded(scratch / "root", way)
    assert findings(trace, scratch, {"strict": 1, "random": 6})


def test_a_kill_alone_harms_no_writer_that_renames(scratch: Path) -> None:
    trace = recorded(scratch / "root", "file_not_synced")
    assert findings(trace, scratch, {"everything": 1}) == []
