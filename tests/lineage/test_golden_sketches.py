"""Sketches of the form that there is, kept: whoever has one can compare it with those of every later version.

A new form gets files of its own beside these, and a reader; `python -m tests.lineage.test_golden_sketches` writes those
that are missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tukar.lineage.floats import Array
from tukar.lineage.modelsketch import FORMAT, sketched
from tukar.lineage.trace import trace
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource, FileSource

from .made import Layer, Small, Tensors, llama, safetensors
from .test_align import gpt2

FOLDER = Path(__file__).parent / "golden"


def numbers(seed: int, rows: int, columns: int) -> Array:
    """The same in every version of every library."""
    places = np.arange(rows * columns, dtype=np.uint64).reshape(rows, columns) + np.uint64(seed * 1_000_003)
    mixed = places * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed >> np.uint64(52)).astype(np.float32) - 2047.5) / 1024


def small(width: int, neurons: int) -> Small:
    layers = (
        Layer(*(numbers(10 * layer + part, neurons, width) for part in range(3)), 1 + numbers(layer, 1, width)[0] / 8)
        for layer in range(2)
    )
    return Small(numbers(99, 40, width), tuple(layers))


MODELS: dict[str, Tensors] = {"narrow": llama(small(24, 30)), "wide": gpt2(small(1300, 8))}


def made(name: str) -> Weights:
    return Weights([BytesSource(safetensors(MODELS[name]))])


@pytest.mark.parametrize("name", MODELS)
def test_a_sketch_that_was_kept_is_what_is_made_today(name: str) -> None:
    with FileSource(FOLDER / f"{name}.{FORMAT}") as file:
        kept, today = Weights([file]), Weights([BytesSource(sketched(made(name)))])
        assert kept.metadata == today.metadata
        assert {tensor: (kept.dtype(tensor), kept.shape(tensor)) for tensor in kept} == {
            tensor: (today.dtype(tensor), today.shape(tensor)) for tensor in today
        }
        for tensor in kept:  # sums may be rounded otherwise on another machine
            np.testing.assert_allclose(kept.read(tensor), today.read(tensor), atol=1)
        found = trace(kept, made(name))
        assert found.log10_p is not None
        assert found.log10_p < -6


if __name__ == "__main__":
    for name in MODELS:
        path = FOLDER / f"{name}.{FORMAT}"
        if not path.exists():
            path.write_bytes(sketched(made(name)))
