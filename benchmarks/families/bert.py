"""BERT's encoder as a function of its weights: Devlin et al., https://arxiv.org/abs/1810.04805."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights alone do not tell."""

    layers: int
    heads: int
    epsilon: float


def encode(weights: Mapping[str, Tensor], shape: Shape, tokens: Tensor) -> Tensor:
    """The last hidden states, rows by positions by width. Every row of ``tokens`` is full: nothing is masked."""
    places = torch.arange(tokens.shape[1])
    hidden = (
        functional.embedding(tokens, weights["embeddings.word_embeddings.weight"])
        + weights["embeddings.position_embeddings.weight"][places]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = _norm(weights, "embeddings.LayerNorm", hidden, shape.epsilon)
    for number in range(shape.layers):
        hidden = _layer(weights, f"encoder.layer.{number}", hidden, shape)
    return hidden


def _layer(weights: Mapping[str, Tensor], name: str, hidden: Tensor, shape: Shape) -> Tensor:
    attended = _linear(weights, f"{name}.attention.output.dense", _attend(weights, name, hidden, shape.heads))
    hidden = _norm(weights, f"{name}.attention.output.LayerNorm", hidden + attended, shape.epsilon)
    wide = functional.gelu(_linear(weights, f"{name}.intermediate.dense", hidden))
    widened = _linear(weights, f"{name}.output.dense", wide)
    return _norm(weights, f"{name}.output.LayerNorm", hidden + widened, shape.epsilon)


def _attend(weights: Mapping[str, Tensor], name: str, hidden: Tensor, heads: int) -> Tensor:
    query, key, value = (
        _linear(weights, f"{name}.attention.self.{part}", hidden).view(*hidden.shape[:2], heads, -1).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    attended: Tensor = functional.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).flatten(-2)


def _linear(weights: Mapping[str, Tensor], name: str, hidden: Tensor) -> Tensor:
    return functional.linear(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(weights: Mapping[str, Tensor], name: str, hidden: Tensor, epsilon: float) -> Tensor:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(hidden, weight.shape, weight, bias, epsilon)
