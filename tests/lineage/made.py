"""Small models with random weights, under the names of any architecture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tukar.lineage.floats import Array
from tukar.lineage.model import Model, opened
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource

Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Layer:
    """Neurons by width; ``norm`` by width."""

    gate: Array
    up: Array
    down: Array
    norm: Array


@dataclass(frozen=True)
class Small:
    """A model as it is meant, before it has names."""

    embedding: Array
    layers: tuple[Layer, ...]

    def with_layers(self, *layers: Layer) -> Small:
        return replace(self, layers=layers)


def drawn(seed: int, layers: int = 3, neurons: int = 96, width: int = 48, vocabulary: int = 200) -> Small:
    some = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> Array:
        return some.standard_normal((rows, columns), dtype=np.float32)

    return Small(
        matrix(vocabulary, width),
        tuple(Layer(*(matrix(neurons, width) for _ in range(3)), 1 + 0.2 * matrix(1, width)[0]) for _ in range(layers)),
    )


def changed(small: Small, by: float, seed: int = 0) -> Small:
    """As after a fine-tune: every weight a little off."""
    some = np.random.default_rng(seed)

    def off(values: Array) -> Array:
        return (values + by * some.standard_normal(values.shape)).astype(np.float32)

    layers = (Layer(off(each.gate), off(each.up), off(each.down), each.norm) for each in small.layers)
    return Small(off(small.embedding), tuple(layers))


def picked(small: Small, neurons: Array) -> Small:
    """The same with some of each layer's neurons, in this order."""
    return small.with_layers(
        *(replace(each, gate=each.gate[neurons], up=each.up[neurons], down=each.down[neurons]) for each in small.layers)
    )


def llama(small: Small) -> Tensors:
    found = {"model.embed_tokens.weight": small.embedding}
    for number, layer in enumerate(small.layers):
        name = f"model.layers.{number}"
        found |= {
            f"{name}.mlp.gate_proj.weight": layer.gate,
            f"{name}.mlp.up_proj.weight": layer.up,
            f"{name}.mlp.down_proj.weight": layer.down.T,
            f"{name}.post_attention_layernorm.weight": layer.norm,
        }
    return found


def model(tensors: Tensors) -> Model:
    found = opened(Weights([BytesSource(safetensors(tensors))]))
    assert found is not None
    return found


def safetensors(tensors: Tensors, dtype: str = "F32") -> bytes:
    header, data = {}, b""
    for name, values in tensors.items():
        raw = _DTYPES[dtype](np.ascontiguousarray(values, np.float32))
        header[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


_DTYPES = {
    "F32": lambda values: values.tobytes(),
    "F16": lambda values: values.astype(np.float16).tobytes(),
    "BF16": lambda values: (values.view(np.uint32) + 0x8000 >> 16).astype(np.uint16).tobytes(),
}
