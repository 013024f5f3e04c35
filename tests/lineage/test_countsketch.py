"""Fewer coordinates keep what is alike alike."""

from __future__ import annotations

import numpy as np
import pytest

from tukar.lineage.countsketch import CountSketch


@pytest.mark.parametrize(("width", "most", "coordinates"), [(4096, 512, 512), (1100, 512, 367), (2880, 512, 480)])
def test_inner_products_are_kept_on_average(width: int, most: int, coordinates: int) -> None:
    some = np.random.default_rng(width)
    a = some.standard_normal((200, width), dtype=np.float32)
    b = (0.6 * a + 0.8 * some.standard_normal(a.shape)).astype(np.float32)
    sketch = CountSketch(width, most)
    assert sketch.shape == (width, coordinates)
    left, right = a @ sketch, b @ sketch
    assert left.shape == (200, coordinates)
    assert left.dtype == np.float32
    cosines = (left * right).sum(axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    assert cosines.mean() == pytest.approx(0.6, abs=0.02)
    assert cosines.std() < 2 / coordinates**0.5
    crossed = (left @ right[::-1].T)[np.eye(200, dtype=bool)] / width
    assert abs(float(crossed.mean())) < 0.02


def test_all_vectors_are_added_up_the_same_way() -> None:
    rows = np.random.default_rng(0).standard_normal((3, 100), dtype=np.float32)
    sketch = CountSketch(100, 7)
    np.testing.assert_allclose((rows[:1] + rows[1:2]) @ sketch, rows[:1] @ sketch + rows[1:2] @ sketch, rtol=1e-4)
    assert (np.abs(np.eye(100, dtype=np.float32) @ sketch).sum(axis=1) == 1).all()
