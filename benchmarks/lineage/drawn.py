"""Tiny models of random values, of each architecture: to try changes and tests on."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.lineage.net import Layer, Linear, Net, Norm
from tukar.lineage.floats import Array

WIDTH, HEADS, NEURONS, WORDS = 24, 4, 64, 50  # no fewer neurons are told apart wherever they stand
KEYS: Final = {"llama": 2, "gpt2": 4, "bert": 4}


def net(architecture: str, seed: int = 1, layers: int = 2) -> Net:
    """One of them; always the same for the same seed."""
    some = np.random.default_rng(seed)
    has_bias, keys = architecture != "llama", KEYS[architecture]

    def linear(outputs: int, inputs: int) -> Linear:
        bias = some.standard_normal(outputs).astype(np.float32) if has_bias else None
        return Linear(some.standard_normal((outputs, inputs)).astype(np.float32) / np.float32(inputs**0.5), bias)

    def norm() -> Norm:
        weight, bias = (some.standard_normal(WIDTH).astype(np.float32) for _ in range(2))
        return Norm(1 + weight / 4, bias / 4 if has_bias else None)

    def layer() -> Layer:
        part = WIDTH * keys // HEADS
        return Layer(
            norm(),
            linear(WIDTH, WIDTH),
            linear(part, WIDTH),
            linear(part, WIDTH),
            linear(WIDTH, WIDTH),
            norm(),
            linear(NEURONS, WIDTH),
            linear(WIDTH, NEURONS),
            linear(NEURONS, WIDTH) if architecture == "llama" else None,
        )

    def rows(count: int) -> Array:
        return some.standard_normal((count, WIDTH)).astype(np.float32)

    others = {
        "llama": {},
        "gpt2": {"wpe.weight": rows(16)},
        "bert": {"embeddings.position_embeddings.weight": rows(16), "embeddings.token_type_embeddings.weight": rows(2)},
    }[architecture]
    is_encoder = architecture == "bert"
    return Net(
        architecture,
        rows(WORDS),
        tuple(layer() for _ in range(layers)),
        HEADS,
        keys,
        others,
        first=norm() if is_encoder else None,
        last=None if is_encoder else norm(),
    )
