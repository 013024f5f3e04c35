"""SQLite under simulated power cuts: what it synced at each commit survives; what it did not, the harness misses."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .powercut import Mode, Trace, can_record, record
from .workloads.rows import content

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and gcc")


def recorded(scratch: Path, synchronous: str, count: int) -> Trace:
    root = scratch / "root"
    root.mkdir()
    return record([sys.executable, "-m", "faults.workloads.rows", root, synchronous, str(count)], root)


def wrong(state: Path, markers: list[str]) -> Iterator[str]:
    """What is not as SQLite has promised."""
    with contextlib.closing(sqlite3.connect(state / "db")) as connection:
        try:
            if (damage := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
                yield f"damaged: {damage}"
            rows = dict(connection.execute("SELECT number, content FROM rows"))
        except sqlite3.DatabaseError as error:
            if markers or "no such table" not in str(error):
                yield str(error)
            return
    committed = {int(marker.removeprefix("row ")) for marker in markers if marker.startswith("row ")}
    if lost := committed - rows.keys():
        yield f"lost: {lost}"
    if len(rows) > len(committed) + 1:
        yield f"never committed: {rows.keys() - committed}"
    for number, found in rows.items():
        if found != content(number):
            yield f"row {number} is not as it was"


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


def test_a_commit_that_was_synced_survives(scratch: Path) -> None:
    trace = recorded(scratch, "FULL", 6)
    assert trace.markers_before(trace.cuts()[-1])[-1] == "row 5"
    assert findings(trace, scratch, {"strict": 1, "everything": 1, "random": 2}) == []


@pytest.mark.slow
def test_many_commits_that_were_synced_survive(scratch: Path) -> None:
    trace = recorded(scratch, "FULL", 60)
    assert len(trace.cuts()) > 400
    assert findings(trace, scratch, {"strict": 1, "everything": 1, "random": 3}) == []


def test_a_commit_that_was_not_synced_is_caught(scratch: Path) -> None:
    found = findings(recorded(scratch, "OFF", 6), scratch, {"strict": 1})
    assert any("no such table" in what or "lost" in what for what in found)


def test_a_log_that_is_synced_only_when_taken_over_is_caught(scratch: Path) -> None:
    found = findings(recorded(scratch, "NORMAL", 6), scratch, {"strict": 1})
    assert any("lost" in what for what in found)
    assert not any("damaged" in what for what in found)
