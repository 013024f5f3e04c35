"""What came of a swap: counted over interruptions, and until when more is waited for."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tukar.exchange.swaps import Moved

MIB = 1 << 20
WEEK = 7 * 86_400.0


def test_what_does_not_have_to_come_is_known_from_the_first_plan() -> None:
    planned = Moved(fetched=5).plan(left=30 * MIB, total=100 * MIB)
    assert (planned.avoided, planned.total, planned.fetched) == (70 * MIB, 100 * MIB, 5)
    assert planned.plan(left=30 * MIB, total=100 * MIB) == planned


def test_what_a_kill_left_unnoted_is_found_by_the_next_plan() -> None:
    noted = Moved().plan(left=30 * MIB, total=100 * MIB).grown(10 * MIB, 100 * MIB, 1.0)
    again = noted.plan(left=5 * MIB, total=100 * MIB)
    assert (again.fetched, again.avoided) == (25 * MIB, 70 * MIB)


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50))
def test_less_is_never_avoided_than_nothing(left: int, total: int) -> None:
    assert Moved().plan(left, total).avoided == max(0, total - left)


def test_what_drips_is_no_progress() -> None:
    moved = Moved()
    for second in range(100):
        moved = moved.grown(moved.fetched + 1, 100 << 30, float(second))
    assert (moved.fetched, moved.grown_at) == (100, 0.0)
    moved = moved.grown(MIB, 100 << 30, 200.0)
    assert moved.grown_at == 200.0
    assert moved.grown(MIB + 1, 100 << 30, 300.0).grown_at == 200.0


def test_progress_of_something_small_is_a_part_of_it() -> None:
    assert Moved().grown(10, 10_000, 7.0).grown_at == 7.0
    assert Moved().grown(9, 10_000, 7.0).grown_at == 0.0


def test_progress_moves_the_deadline_and_not_for_ever() -> None:
    assert Moved().deadline(since=100.0, idle=WEEK) == 100.0 + WEEK
    assert Moved(grown_at=500.0).deadline(since=100.0, idle=WEEK) == 500.0 + WEEK
    assert Moved(grown_at=100.0 + 9.5 * WEEK).deadline(since=100.0, idle=WEEK) == 100.0 + 10 * WEEK


def test_it_is_stored_whole_and_read_from_what_older_versions_stored() -> None:
    moved = Moved(1, 2, 3, 4.5, 6, planned=True)
    assert Moved(*json.loads(moved.written())) == moved
    assert Moved(*json.loads("[1, 2, 3]")) == Moved(1, 2, 3)
