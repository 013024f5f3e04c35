"""The entropy that Tukar's storage is compared with."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.storage.bound import bounds, entropy, ordered
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
    assert entropy(contexts, values, width)[0] == pytest.approx(2 * len(values))
    assert entropy(contexts, contexts, width)[0] == pytest.approx(0, abs=1e-6)


def test_the_correction_undoes_most_of_what_few_elements_hide() -> None:
    drawn = np.random.default_rng(1)
    values = drawn.integers(0, 1024, 2048)  # ten bits each, seen twice on average
    counted, corrected = entropy(np.zeros(2048, np.int64), values, 32)
    true = 10.0 * 2048
    assert abs(corrected - true) < (true - counted) / 2


def test_a_child_like_its_base_takes_nothing_and_what_has_no_base_is_left_out() -> None:
    raw = np.random.default_rng(2).integers(0, 256, 4096, np.uint8).tobytes()
    alike = Tensor("a", Known("BF16", (32, 64), len(raw), raw), raw)
    alone = Tensor("b", Known("BF16", (32, 64), len(raw)), raw)
    found = bounds([alike, alone])
    assert (found["all"].raw, found["all"].counted) == (len(raw), pytest.approx(0, abs=1e-6))
    assert found["linear"] == found["all"]
