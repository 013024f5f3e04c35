"""A swap under simulated power cuts of one side or both: in the end both have it, and nothing else has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ..powercut import Trace, can_record
from .cuts import look, recorded, sample

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and gcc")


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """One whole swap."""
    return recorded(tmp_path_factory.mktemp("swap"))


def faults(trace: Trace, count: int, seed: int, folder: Path) -> list[str]:
    return [fault for cut in sample(trace, count, seed) for fault in look(trace, cut, folder)]


def test_both_have_it_in_the_end(trace: Trace, scratch: Path) -> None:
    assert faults(trace, 12, 2, scratch) == []


@pytest.mark.slow
def test_both_have_it_wherever_the_cut_is(trace: Trace, scratch: Path) -> None:
    assert len({cut.event for cut in sample(trace, 320, 3)}) >= 300
    assert faults(trace, 320, 3, scratch) == []


@pytest.mark.slow
def test_a_hub_that_publishes_too_early_is_caught(scratch: Path) -> None:
    broken = recorded(scratch / "root", "publishes-early")
    cuts = [replace(cut, cancels=True) for cut in sample(broken, 30, 1)]
    assert any(look(broken, cut, scratch) for cut in cuts)
