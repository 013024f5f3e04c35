"""What encoding holds does not grow with a tensor, whatever its shape."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tukar.codecs.base import TensorView
from tukar.codecs.context import Delta, meta
from tukar.objects.sources import BytesSource

BLOCK = 1 << 18


def peak(shape: tuple[int, ...]) -> int:
    """Bytes that are allocated at most while a BF16 tensor becomes the difference to another one."""
    size = int(np.prod(shape))
    random = np.random.default_rng(1)
    base = random.integers(0x3C00, 0x3E00, size).astype("<u2")
    data = (base + random.integers(-3, 4, size)).astype("<u2").tobytes()
    tensor, bases = TensorView(BytesSource(data), "BF16", shape), [BytesSource(base.tobytes())]
    tracemalloc.start()
    try:
        for _ in Delta().encode(tensor, bases, BLOCK)[1]:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (-1, 2), (1, -1), (-1, 3, 3), (-1, 256)], ids=str)
def test_memory_is_bounded(shape: tuple[int, ...]) -> None:
    def of(size: int) -> tuple[int, ...]:
        others = -int(np.prod(shape))
        return tuple(size // others if length == -1 else length for length in shape)

    peak(of(9 << 13))  # what is loaded at first use
    assert peak(of(9 << 20)) < peak(of(9 << 18)) + (1 << 20)


@pytest.mark.parametrize(
    ("shape", "columns"),
    [((64, 384), 384), ((64, 32, 3, 3), 288), ((1000, 4, 16), 64), ((9000, 2), 0), ((1 << 15,), 0), ((4, 1 << 17), 0)],
)
def test_a_row_is_long_enough_to_have_a_scale(shape: tuple[int, ...], columns: int) -> None:
    data = np.random.default_rng(2).integers(0x3C00, 0x3E00, int(np.prod(shape))).astype("<u2").tobytes()
    made, _ = Delta().encode(TensorView(BytesSource(data), "BF16", shape), [BytesSource(data)], BLOCK)
    assert meta.opened(made).columns == columns
