"""Rates and their intervals, against tables."""

import pytest
from benchmarks.lineage.rates import Rate


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 10, 0, 0.3085),
        (10, 10, 0.6915, 1),
        (5, 10, 0.1871, 0.8129),
        (1, 100, 0.000253, 0.05446),
        (0, 2340, 0, 0.001575),
    ],
)
def test_intervals_are_those_of_clopper_and_pearson(count: int, of: int, low: float, high: float) -> None:
    assert Rate(count, of).interval() == pytest.approx((low, high), abs=2e-4, rel=2e-3)


def test_how_they_are_written() -> None:
    assert str(Rate(0, 0)) == "–"
    assert str(Rate(0, 2340)) == "0 (0–0.158)"
    assert str(Rate(99, 100)) == "99.0 (94.6–100.0)"
