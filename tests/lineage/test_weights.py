"""Parts of tensors are what is at their places in the whole."""

from __future__ import annotations

import numpy as np
import pytest

from tukar.formats.safetensors import safetensors_header
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource
from tukar.testing.gguf import tiny_gguf
from tukar.testing.sources import CountingSource

from .made import safetensors

VALUES = np.random.default_rng(1).standard_normal((40, 60), dtype=np.float32)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("far", [1, 1 << 20])
@pytest.mark.parametrize(("start", "stop", "columns"), [(0, None, 7), (3, 9, 1), (0, 40, 60), (39, 50, 59), (4, 4, 5)])
def test_some_columns_of_some_rows(
    dtype: str, far: int, start: int, stop: int | None, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.lineage.weights._FAR", far)
    weights = Weights([BytesSource(safetensors({"a": VALUES}, dtype))])
    whole = weights.read("a")
    np.testing.assert_array_equal(weights.read("a", start, stop, columns), whole[start:stop, :columns])


def test_elements_without_bytes_of_their_own() -> None:
    weights = Weights([BytesSource(tiny_gguf())])
    name = "token_embd.weight"
    assert weights.dtype(name) == "Q4_1"
    np.testing.assert_array_equal(weights.read(name, 1, 3, 5), weights.read(name)[1:3, :5])


def test_of_long_rows_only_the_beginnings_are_read() -> None:
    """A row of 256 KiB: what lies between is not touched."""
    start = safetensors_header({"a": ("F32", (16, 1 << 16))})
    source = CountingSource(BytesSource(start + bytes(16 << 18)))
    weights = Weights([source])
    before = source.total
    assert weights.read("a", columns=10).shape == (16, 10)
    assert source.total - before == 16 * 40
