"""What a model computes, by numpy alone: to see that a change leaves it as it is."""

from __future__ import annotations

from functools import partial
from math import erf

import numpy as np

from benchmarks.lineage.net import Layer, Linear, Net, Norm
from tukar.lineage.floats import Array


def run(net: Net, tokens: Array) -> Array:
    """For one row of token ids: a decoder's logits, an encoder's last hidden states; positions by what they are."""
    hidden, _ = _through(net, tokens)
    if net.last is None:
        return hidden
    return _linear(net.head or Linear(net.embedding), _norm(net.last, hidden))


def read(net: Net, tokens: Array) -> list[Array]:
    """For one row of token ids: what the neurons of each layer are given, positions by width."""
    return _through(net, tokens)[1]


def _through(net: Net, tokens: Array) -> tuple[Array, list[Array]]:
    """What comes out of the last layer, and what the neurons of each were given."""
    given = []
    hidden = net.embedding[tokens].astype(np.float64)
    positions = next((rows for name, rows in net.others.items() if "position" in name or name == "wpe.weight"), None)
    if positions is not None:
        hidden = hidden + positions[: len(tokens)]
    if "embeddings.token_type_embeddings.weight" in net.others:
        hidden = hidden + net.others["embeddings.token_type_embeddings.weight"][0]
    if net.first is not None:
        hidden = _norm(net.first, hidden)
    for layer in net.layers:
        if net.is_encoder:
            given.append(_norm(layer.before, hidden + _attended(net, layer, hidden)))
            hidden = _norm(layer.between, given[-1] + _widened(layer, given[-1]))
        else:
            hidden = hidden + _attended(net, layer, _norm(layer.before, hidden))
            given.append(_norm(layer.between, hidden))
            hidden = hidden + _widened(layer, given[-1])
    return hidden, given


def _widened(layer: Layer, given: Array) -> Array:
    if layer.gate is None:
        return _linear(layer.down, _gelu(_linear(layer.up, given)))
    gate = _linear(layer.gate, given)
    return _linear(layer.down, gate / (1 + np.exp(-gate)) * _linear(layer.up, given))


_erf = np.vectorize(erf)


def _gelu(values: Array) -> Array:
    made: Array = values * (1 + _erf(values / np.sqrt(2))) / 2
    return made


def _attended(net: Net, layer: Layer, given: Array) -> Array:
    split = partial(_heads, size=len(layer.query.weight) // net.heads)
    query, key, value = (split(_linear(part, given)) for part in (layer.query, layer.key, layer.value))
    if net.architecture == "llama":
        query, key = _rotated(query), _rotated(key)
    shared = net.heads // net.keys
    scores = query @ np.repeat(key, shared, axis=0).transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    if not net.is_encoder:
        scores = np.where(np.tri(len(given), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    attended = weights @ np.repeat(value, shared, axis=0)
    return _linear(layer.out, attended.transpose(1, 0, 2).reshape(len(given), -1))


def _heads(projected: Array, size: int) -> Array:
    """Heads by positions by the size of a head."""
    return projected.reshape(len(projected), -1, size).transpose(1, 0, 2)


def _rotated(heads: Array) -> Array:
    half = heads.shape[-1] // 2
    angles = np.outer(np.arange(heads.shape[1]), 1e4 ** -(np.arange(half) / half))
    cosine, sine, first, second = np.cos(angles), np.sin(angles), heads[..., :half], heads[..., half:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def _linear(part: Linear, given: Array) -> Array:
    made: Array = given @ part.weight.T + (0 if part.bias is None else part.bias)
    return made


def _norm(norm: Norm, hidden: Array) -> Array:
    if norm.bias is None:
        made: Array = hidden / np.sqrt((hidden**2).mean(axis=-1, keepdims=True) + 1e-5) * norm.weight
        return made
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    scaled: Array = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * norm.weight
    return scaled + norm.bias
