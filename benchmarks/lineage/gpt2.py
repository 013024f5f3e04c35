"""GPT-2's decoder as a function of its weights, with output tied to the embeddings.

Source: A. Radford and others, Language models are unsupervised multitask learners, 2019; names and the transposed
matrices are those of the published files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights alone do not tell."""

    layers: int
    heads: int
    epsilon: float


def predict(weights: Mapping[str, Tensor], shape: Shape, tokens: Tensor) -> Tensor:
    """The logits of the next token, rows by positions by vocabulary."""
    hidden = functional.embedding(tokens, weights["wte.weight"]) + weights["wpe.weight"][: tokens.shape[1]]
    for number in range(shape.layers):
        hidden = _layer(weights, f"h.{number}", hidden, shape)
    return functional.linear(_norm(weights, "ln_f", hidden, shape), weights["wte.weight"])


def _layer(weights: Mapping[str, Tensor], name: str, hidden: Tensor, shape: Shape) -> Tensor:
    hidden = hidden + _attend(weights, f"{name}.attn", _norm(weights, f"{name}.ln_1", hidden, shape), shape.heads)
    wide = functional.gelu(_turned(weights, f"{name}.mlp.c_fc", _norm(weights, f"{name}.ln_2", hidden, shape)))
    return hidden + _turned(weights, f"{name}.mlp.c_proj", wide)


def _attend(weights: Mapping[str, Tensor], name: str, hidden: Tensor, heads: int) -> Tensor:
    query, key, value = (
        part.view(*hidden.shape[:2], heads, -1).transpose(1, 2)
        for part in _turned(weights, f"{name}.c_attn", hidden).chunk(3, dim=-1)
    )
    attended: Tensor = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    return _turned(weights, f"{name}.c_proj", attended.transpose(1, 2).flatten(-2))


def _turned(weights: Mapping[str, Tensor], name: str, hidden: Tensor) -> Tensor:
    """A matrix of inputs by outputs."""
    return hidden @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _norm(weights: Mapping[str, Tensor], name: str, hidden: Tensor, shape: Shape) -> Tensor:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(hidden, weight.shape, weight, bias, shape.epsilon)
