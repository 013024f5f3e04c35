"""The entropy that Tukar's storage is compared with."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.storage.bound import bounds, counted, estimated, ordered
from benchmarks.storage.models import Known, Tensor

ELEMENTS = 1 << 14


def test_numbers_are_in_the_order_of_the_floats() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    bits = bits[~np.isnan(bits.view(np.float16))]
    sorted_bits = bits[np.argsort(ordered(bits, 16))]
    assert (np.diff(sorted_bits.view(np.float16).astype(np.float32)) >= 0).all()
    assert len(np.unique(ordered(bits, 16))) == len(bits)


@pytest.mark.parametrize("width", [16, 32])
def test_entropy_is_that_of_values_in_their_contexts(width: int) -> None:
    contexts = np.repeat(np.arange(3), ELEMENTS)
    values = np.tile(np.arange(ELEMENTS) % 4, 3)
    assert counted(contexts, values, width) == pytest.approx(2 * len(values))
    assert counted(contexts, contexts, width) == pytest.approx(0, abs=1e-6)
    assert estimated(contexts, values, width) == pytest.approx(2 * len(values), rel=1e-3)


@pytest.mark.parametrize("spread", [1e3, 1e6])
def test_the_estimate_is_right_where_there_are_too_few_elements_to_count(spread: float) -> None:
    drawn = np.round(np.random.default_rng(1).normal(0, spread, ELEMENTS)).astype(np.int64)
    true = ELEMENTS * np.log2(spread * np.sqrt(2 * np.pi * np.e))
    contexts, values = np.zeros(ELEMENTS, np.int64), drawn & 0xFFFFFFFF
    assert estimated(contexts, values, 32) == pytest.approx(true, rel=0.01)
    assert counted(contexts, values, 32) < 0.99 * true


def test_a_child_like_its_base_takes_nothing_and_what_has_no_base_is_left_out() -> None:
    raw = np.random.default_rng(2).integers(0, 256, 4096, np.uint8).tobytes()
    alike = Tensor("a", Known("BF16", (32, 64), len(raw), raw), raw)
    alone = Tensor("b", Known("BF16", (32, 64), len(raw)), raw)
    found = bounds([alike, alone])
    assert (found["all"].raw, found["all"].counted) == (len(raw), pytest.approx(0, abs=1e-6))
    assert found["linear"] == found["all"]
