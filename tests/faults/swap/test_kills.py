"""Two hubs as processes that are killed and cut off while they swap: both have it in the end, or neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from .kills import siege


@pytest.mark.slow
def test_a_swap_between_hubs_that_are_killed(scratch: Path) -> None:
    assert siege(scratch, seed=3, swaps=2).points.total() >= 2


@pytest.mark.slow
def test_many_swaps_between_hubs_that_are_killed(scratch: Path) -> None:
    made = siege(scratch, seed=4, swaps=25)
    assert made.points.total() >= 40
    assert made.ends["published and published"] >= 10
