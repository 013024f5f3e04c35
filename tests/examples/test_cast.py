"""The cast to bfloat16 is round-to-nearest, ties to even."""

from __future__ import annotations

import numpy as np
from family.build import cast
from family.weights import from_bfloat16, to_bfloat16


def every_bfloat16() -> np.ndarray:
    return np.arange(2**16, dtype=np.uint16)


def nearest(values: np.ndarray) -> np.ndarray:
    """The rule itself: compare the distances to both neighbours, where infinity stands one step past the last.

    float64 holds every bfloat16 and the distances between them exactly.
    """
    low = (values.view(np.uint32) >> 16).astype(np.uint16)
    high = (low + 1).astype(np.uint16)

    def place(bits: np.ndarray) -> np.ndarray:
        exact = from_bfloat16(bits).astype(np.float64)
        return np.where(np.isinf(exact), np.copysign(2.0**128, exact), exact)

    exact = values.astype(np.float64)
    below, above = np.abs(exact - place(low)), np.abs(place(high) - exact)
    return np.where((above < below) | ((above == below) & (low % 2 == 1)), high, low)


def test_every_half_way_point_and_its_neighbours_round_as_the_rule_says() -> None:
    finite = every_bfloat16()[np.isfinite(from_bfloat16(every_bfloat16()))]
    for tail in (0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        values = (finite.astype(np.uint32) << 16 | np.uint32(tail)).view(np.float32)
        np.testing.assert_array_equal(to_bfloat16(values), nearest(values), err_msg=hex(tail))


def test_a_bfloat16_value_is_its_own_cast() -> None:
    values = from_bfloat16(every_bfloat16())
    kept = ~np.isnan(values)
    np.testing.assert_array_equal(to_bfloat16(values)[kept], every_bfloat16()[kept])


def test_a_nan_stays_a_nan_even_where_rounding_would_carry_it_away() -> None:
    nans = np.array([0x7F800001, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF], np.uint32).view(np.float32)
    rounded = from_bfloat16(to_bfloat16(nans))
    assert np.isnan(rounded).all()
    np.testing.assert_array_equal(np.signbit(rounded), np.signbit(nans))


def test_integers_are_left_alone() -> None:
    places = np.arange(4)
    assert cast({"position_ids": places})["position_ids"] is places
