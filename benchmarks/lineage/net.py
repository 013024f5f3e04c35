"""The zoo's architectures in one form, so that a change is written once for all of them.

Matrices are outputs by inputs. What an architecture lacks is None, or empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from tukar.lineage.floats import Array

Tensors: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class Linear:
    """A matrix and, where there is one, what is added."""

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True)
class Norm:
    """The scales of a norm, and what is added where it is a LayerNorm."""

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True)
class Layer:
    """One layer. ``before`` and ``between`` are the norms before attention and MLP, or in an encoder after them."""

    before: Norm
    query: Linear
    key: Linear
    value: Linear
    out: Linear
    between: Norm
    up: Linear
    down: Linear
    gate: Linear | None = None


@dataclass(frozen=True)
class Net:
    """A whole model.

    Attributes:
        architecture: llama, gpt2 or bert.
        embedding: words by width.
        others: what else is added to the residual stream at its beginning, rows by width, by name.
        first: an encoder's norm of the embeddings.
        last: a decoder's last norm.
        head: the matrix of the predictions where it is not ``embedding``, and its bias.
    """

    architecture: str
    embedding: Array
    layers: tuple[Layer, ...]
    heads: int
    keys: int
    others: Mapping[str, Array] = field(default_factory=dict)
    first: Norm | None = None
    last: Norm | None = None
    head: Linear | None = None

    @property
    def width(self) -> int:
        """Of the residual stream."""
        return self.embedding.shape[1]

    @property
    def is_encoder(self) -> bool:
        """Whether norms come after what they belong to, and scale the residual stream itself."""
        return self.architecture == "bert"

    def with_layers(self, *layers: Layer) -> Net:
        """Other layers."""
        return replace(self, layers=layers)


def read(architecture: str, tensors: Tensors, heads: int, keys: int) -> Net:
    """From the names of the published architectures."""
    return {"llama": _llama, "gpt2": _gpt2, "bert": _bert}[architecture](tensors, heads, keys)


def written(net: Net) -> dict[str, Array]:
    """The same in the names of its architecture."""
    return {"llama": _as_llama, "gpt2": _as_gpt2, "bert": _as_bert}[net.architecture](net)


def _count(tensors: Tensors, pattern: str) -> int:
    count = 0
    while pattern.format(count) in tensors:
        count += 1
    return count


def _linear(tensors: Tensors, name: str) -> Linear:
    return Linear(tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))


def _norm(tensors: Tensors, name: str) -> Norm:
    return Norm(tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))


def _head(tensors: Tensors) -> Linear | None:
    return _linear(tensors, "lm_head") if "lm_head.weight" in tensors else None


def _put(found: dict[str, Array], name: str, part: Linear | Norm) -> None:
    found[f"{name}.weight"] = part.weight
    if part.bias is not None:
        found[f"{name}.bias"] = part.bias


_LLAMA = {
    "before": "input_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "out": "self_attn.o_proj",
    "between": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "before": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "between": "output.LayerNorm",
}
_NORMS = ("before", "between")


def _named(tensors: Tensors, prefix: str, names: Mapping[str, str]) -> Layer:
    parts = {part: (_norm if part in _NORMS else _linear)(tensors, f"{prefix}.{name}") for part, name in names.items()}
    return Layer(**parts)  # type: ignore[arg-type]


def _put_layer(found: dict[str, Array], prefix: str, layer: Layer, names: Mapping[str, str]) -> None:
    for part, name in names.items():
        _put(found, f"{prefix}.{name}", getattr(layer, part))


def _llama(tensors: Tensors, heads: int, keys: int) -> Net:
    count = _count(tensors, "model.layers.{}.input_layernorm.weight")
    layers = tuple(_named(tensors, f"model.layers.{number}", _LLAMA) for number in range(count))
    embedding = tensors["model.embed_tokens.weight"]
    return Net("llama", embedding, layers, heads, keys, last=_norm(tensors, "model.norm"), head=_head(tensors))


def _as_llama(net: Net) -> dict[str, Array]:
    found = {"model.embed_tokens.weight": net.embedding}
    for number, layer in enumerate(net.layers):
        _put_layer(found, f"model.layers.{number}", layer, _LLAMA)
    return _with_end(net, found, "model.norm")


def _with_end(net: Net, found: dict[str, Array], last: str) -> dict[str, Array]:
    if net.last is not None:
        _put(found, last, net.last)
    if net.head is not None:
        _put(found, "lm_head", net.head)
    return found


def _bert(tensors: Tensors, heads: int, keys: int) -> Net:
    count = _count(tensors, "encoder.layer.{}.output.dense.weight")
    layers = tuple(_named(tensors, f"encoder.layer.{number}", _BERT) for number in range(count))
    names = ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight")
    others = {name: tensors[name] for name in names}
    embedding = tensors["embeddings.word_embeddings.weight"]
    return Net("bert", embedding, layers, heads, heads, others, first=_norm(tensors, "embeddings.LayerNorm"))


def _as_bert(net: Net) -> dict[str, Array]:
    found = {"embeddings.word_embeddings.weight": net.embedding, **net.others}
    assert net.first is not None
    _put(found, "embeddings.LayerNorm", net.first)
    for number, layer in enumerate(net.layers):
        _put_layer(found, f"encoder.layer.{number}", layer, _BERT)
    return found


def _gpt2(tensors: Tensors, heads: int, keys: int) -> Net:
    layers = []
    for number in range(_count(tensors, "h.{}.ln_1.weight")):
        name = f"h.{number}"
        fused = _linear(tensors, f"{name}.attn.c_attn")
        assert fused.bias is not None
        parts = zip(np.split(fused.weight.T, 3), np.split(fused.bias, 3), strict=True)
        query, key, value = (Linear(weight, bias) for weight, bias in parts)
        layers.append(
            Layer(
                _norm(tensors, f"{name}.ln_1"),
                query,
                key,
                value,
                _turned(_linear(tensors, f"{name}.attn.c_proj")),
                _norm(tensors, f"{name}.ln_2"),
                _turned(_linear(tensors, f"{name}.mlp.c_fc")),
                _turned(_linear(tensors, f"{name}.mlp.c_proj")),
            )
        )
    others = {"wpe.weight": tensors["wpe.weight"]}
    last = _norm(tensors, "ln_f")
    return Net("gpt2", tensors["wte.weight"], tuple(layers), heads, heads, others, last=last, head=_head(tensors))


def _as_gpt2(net: Net) -> dict[str, Array]:
    found = {"wte.weight": net.embedding, **net.others}
    for number, layer in enumerate(net.layers):
        name = f"h.{number}"
        parts = (layer.query, layer.key, layer.value)
        weights, biases = [part.weight for part in parts], [part.bias for part in parts if part.bias is not None]
        _put(found, f"{name}.ln_1", layer.before)
        _put(found, f"{name}.attn.c_attn", Linear(np.concatenate(weights).T, np.concatenate(biases)))
        _put(found, f"{name}.attn.c_proj", _turned(layer.out))
        _put(found, f"{name}.ln_2", layer.between)
        _put(found, f"{name}.mlp.c_fc", _turned(layer.up))
        _put(found, f"{name}.mlp.c_proj", _turned(layer.down))
    return _with_end(net, found, "ln_f")


def _turned(part: Linear) -> Linear:
    return Linear(part.weight.T, part.bias)
