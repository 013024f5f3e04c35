"""A LoRA adapter and its merge into the weights that it was trained on.

Source: Hu et al. 2021 (arXiv:2106.09685), equation 3: ``W' = W + (alpha / r) * B @ A``. File layout: PEFT's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from family import weights
from family.weights import Weights

PREFIX = "base_model.model."


@dataclass(frozen=True)
class Adapter:
    """Low-rank factors by the name of the weight they change, and the factor that scales their product."""

    factors: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
    """``{weight: (A of shape (r, inputs), B of shape (outputs, r))}``"""
    scale: float


def read(folder: Path) -> Adapter:
    """Read PEFT's ``adapter_config.json`` and ``adapter_model.safetensors``."""
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = weights.read(folder / "adapter_model.safetensors")
    modules = [name.removesuffix(".lora_A.weight") for name in tensors if name.endswith(".lora_A.weight")]
    factors = {
        f"{module.removeprefix(PREFIX)}.weight": (
            weights.floats(tensors[f"{module}.lora_A.weight"]),
            weights.floats(tensors[f"{module}.lora_B.weight"]),
        )
        for module in modules
    }
    return Adapter(factors, config["lora_alpha"] / config["r"])


def merge(base: Weights, adapter: Adapter) -> Weights:
    """*base* (bfloat16) with the adapter's products added and rounded back; every other tensor is the base's own.

    Raises:
        KeyError: the adapter changes a tensor that the base does not have.
    """
    merged = dict(base)
    for name, (a, b) in adapter.factors.items():
        merged[name] = weights.to_bfloat16(weights.floats(base[name]) + product(a, b, adapter.scale))
    return merged


def product(a: NDArray[np.float32], b: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """``scale * b @ a`` in float32, summed over the rank in order.

    Element by element instead of through BLAS, whose order of summation differs between machines: so the merged
    model has the same bytes everywhere.
    """
    total = np.zeros((b.shape[0], a.shape[1]), np.float32)
    for column, row in zip(b.T, a, strict=True):
        total += column[:, None] * row[None, :]
    return total * np.float32(scale)
