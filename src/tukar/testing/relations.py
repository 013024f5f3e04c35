"""Models that descend from each other, in small: weights, and the same after a little training."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]
Weights = dict[str, np.ndarray]

SHAPES: Shapes = {"embed": (200, 64), "layer.weight": (64, 128), "norm": (64,), "head": (64, 64)}


def fresh(seed: int = 0, shapes: Shapes = SHAPES) -> Weights:
    """Weights that are related to no other's, as float32."""
    random = np.random.default_rng(seed)
    return {name: (random.standard_normal(shape) * 0.05).astype(np.float32) for name, shape in shapes.items()}


def tuned(weights: Weights, seed: int, change: float = 1e-3) -> Weights:
    """The same weights after a little training."""
    random = np.random.default_rng(seed)
    return {
        name: value + (random.standard_normal(value.shape) * change * 0.05).astype(np.float32)
        for name, value in weights.items()
    }


def stored(weights: Weights) -> bytes:
    """A safetensors file of the weights, as bfloat16."""
    header, blobs, at = {}, [], 0
    for name, value in weights.items():
        blob = (value.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(blobs)
