"""LLaMA's decoder as a function of its weights, with output tied to the embeddings.

Sources: https://arxiv.org/abs/2302.13971; RMSNorm https://arxiv.org/abs/1910.07467, rotary positions
https://arxiv.org/abs/2104.09864, SwiGLU https://arxiv.org/abs/2002.05202, grouped queries
https://arxiv.org/abs/2305.13245.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights alone do not tell. ``keys`` is how many heads keys and values have."""

    layers: int
    heads: int
    keys: int
    epsilon: float
    rotation: float
    """The base of the rotary angles."""


def predict(weights: Mapping[str, Tensor], shape: Shape, tokens: Tensor) -> Tensor:
    """The logits of the next token, rows by positions by vocabulary."""
    hidden = functional.embedding(tokens, weights["model.embed_tokens.weight"])
    angles = _angles(tokens.shape[1], hidden.shape[-1] // shape.heads, shape.rotation)
    for number in range(shape.layers):
        hidden = _layer(weights, f"model.layers.{number}", hidden, shape, angles)
    return functional.linear(_norm(weights, "model.norm", hidden, shape), weights["model.embed_tokens.weight"])


def _angles(positions: int, width: int, base: float) -> Tensor:
    """Positions by half the width of a head."""
    speeds = base ** -(torch.arange(0, width, 2) / width)
    return torch.outer(torch.arange(positions).float(), speeds)


def _layer(weights: Mapping[str, Tensor], name: str, hidden: Tensor, shape: Shape, angles: Tensor) -> Tensor:
    normed = _norm(weights, f"{name}.input_layernorm", hidden, shape)
    hidden = hidden + _attend(weights, f"{name}.self_attn", normed, shape, angles)
    normed = _norm(weights, f"{name}.post_attention_layernorm", hidden, shape)
    gate = functional.silu(_linear(weights, f"{name}.mlp.gate_proj", normed))
    return hidden + _linear(weights, f"{name}.mlp.down_proj", gate * _linear(weights, f"{name}.mlp.up_proj", normed))


def _attend(weights: Mapping[str, Tensor], name: str, hidden: Tensor, shape: Shape, angles: Tensor) -> Tensor:
    query = _rotate(_heads(_linear(weights, f"{name}.q_proj", hidden), shape.heads), angles)
    key = _rotate(_heads(_linear(weights, f"{name}.k_proj", hidden), shape.keys), angles)
    value = _heads(_linear(weights, f"{name}.v_proj", hidden), shape.keys)
    shared = shape.heads // shape.keys
    attended: Tensor = functional.scaled_dot_product_attention(
        query, key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1), is_causal=True
    )
    return _linear(weights, f"{name}.o_proj", attended.transpose(1, 2).flatten(-2))


def _heads(projected: Tensor, count: int) -> Tensor:
    """Rows by heads by positions by the width of a head."""
    return projected.view(*projected.shape[:2], count, -1).transpose(1, 2)


def _rotate(heads: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of a head's first and second half by the angles of its position."""
    first, second = heads.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def _linear(weights: Mapping[str, Tensor], name: str, hidden: Tensor) -> Tensor:
    return functional.linear(hidden, weights[f"{name}.weight"])


def _norm(weights: Mapping[str, Tensor], name: str, hidden: Tensor, shape: Shape) -> Tensor:
    weight = weights[f"{name}.weight"]
    return functional.rms_norm(hidden, weight.shape, weight, shape.epsilon)
