"""What can be done to a model so that it looks like another one: each a function of a model and of chance.

Those of ``SYMMETRIES`` leave what the model computes as it is, but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from benchmarks.lineage.net import Layer, Linear, Net, Norm
from tukar.lineage.floats import Array

Change = Callable[[Net, np.random.Generator], Net]


def _each(net: Net, change: Callable[[Layer], Layer]) -> Net:
    return net.with_layers(*(change(layer) for layer in net.layers))


def _rows(part: Linear, by: Array) -> Linear:
    """Outputs multiplied from the left."""
    return Linear(by @ part.weight, None if part.bias is None else by @ part.bias)


def _columns(part: Linear, by: Array) -> Linear:
    return Linear(part.weight @ by, part.bias)


def _picked(part: Linear, rows: Array) -> Linear:
    return Linear(part.weight[rows], None if part.bias is None else part.bias[rows])


def kept(layer: Layer, neurons: Array) -> Layer:
    """Some neurons in some order."""
    return replace(
        layer,
        up=_picked(layer.up, neurons),
        gate=None if layer.gate is None else _picked(layer.gate, neurons),
        down=Linear(layer.down.weight[:, neurons], layer.down.bias),
    )


# ---- What changes nothing ----


def permute_neurons(net: Net, chance: np.random.Generator) -> Net:
    """The neurons of each layer in another order."""
    return _each(net, lambda layer: kept(layer, chance.permutation(len(layer.up.weight))))


def permute_heads(net: Net, chance: np.random.Generator) -> Net:
    """Heads in another order; those that share a key and a value stay together."""
    size, shared = len(net.layers[0].query.weight) // net.heads, net.heads // net.keys

    def change(layer: Layer) -> Layer:
        groups = chance.permutation(net.keys)
        heads = np.concatenate([group * shared + chance.permutation(shared) for group in groups])
        of_query, of_key = _places(heads, size), _places(groups, size)
        return replace(
            layer,
            query=_picked(layer.query, of_query),
            key=_picked(layer.key, of_key),
            value=_picked(layer.value, of_key),
            out=Linear(layer.out.weight[:, of_query], layer.out.bias),
        )

    return _each(net, change)


def _places(heads: Array, size: int) -> Array:
    return (heads[:, None] * size + np.arange(size)).ravel()


def permute_axes(net: Net, chance: np.random.Generator) -> Net:
    """The axes of the residual stream in another order."""
    return _in_axes(net, np.eye(net.width, dtype=np.float32)[chance.permutation(net.width)].T)


def rotate(net: Net, chance: np.random.Generator) -> Net:
    """The residual stream rotated, norms' scales folded into what reads them. An encoder's norms forbid that.

    LayerNorm takes out the mean, so the rotation leaves the direction (1, …, 1) as it is.
    """
    assert not net.is_encoder
    net = _folded(net)
    turn = np.linalg.qr(chance.standard_normal((net.width, net.width)))[0]
    if net.layers[0].before.bias is not None:
        basis = np.linalg.qr(np.column_stack([np.ones(net.width), chance.standard_normal((net.width, net.width - 1))]))[
            0
        ]
        inner = np.eye(net.width)
        inner[1:, 1:] = np.linalg.qr(chance.standard_normal((net.width - 1, net.width - 1)))[0]
        turn = basis @ inner @ basis.T
    return _in_axes(net, turn.astype(np.float32))


def _in_axes(net: Net, by: Array) -> Net:
    """Every vector x of the residual stream as x @ by, which is orthogonal; norms are in the same axes or all alike."""

    def norm(old: Norm) -> Norm:
        if np.ptp(old.weight) == 0:
            return Norm(old.weight, None if old.bias is None else old.bias @ by)
        return Norm(old.weight @ by, None if old.bias is None else old.bias @ by)

    def writes(part: Linear) -> Linear:
        return _rows(part, by.T)

    def change(layer: Layer) -> Layer:
        return Layer(
            norm(layer.before),
            _columns(layer.query, by),
            _columns(layer.key, by),
            _columns(layer.value, by),
            writes(layer.out),
            norm(layer.between),
            _columns(layer.up, by),
            writes(layer.down),
            None if layer.gate is None else _columns(layer.gate, by),
        )

    return replace(
        _each(net, change),
        embedding=net.embedding @ by,
        others={name: rows @ by for name, rows in net.others.items()},
        first=None if net.first is None else norm(net.first),
        last=None if net.last is None else norm(net.last),
        head=None if net.head is None else _columns(net.head, by),
    )


def _folded(net: Net) -> Net:
    """Norms that only normalise; a head of its own takes the last one's scales."""

    def read(norm: Norm, part: Linear) -> Linear:
        bias = part.bias
        if norm.bias is not None:
            bias = part.weight @ norm.bias + (0 if bias is None else bias)
        return Linear(part.weight * norm.weight, bias)

    def plain(norm: Norm) -> Norm:
        return Norm(np.ones_like(norm.weight), None if norm.bias is None else np.zeros_like(norm.bias))

    def change(layer: Layer) -> Layer:
        query, key, value = (read(layer.before, part) for part in (layer.query, layer.key, layer.value))
        gate = None if layer.gate is None else read(layer.between, layer.gate)
        up = read(layer.between, layer.up)
        return replace(
            layer,
            query=query,
            key=key,
            value=value,
            gate=gate,
            up=up,
            before=plain(layer.before),
            between=plain(layer.between),
        )

    assert net.last is not None
    head = read(net.last, net.head or Linear(net.embedding))
    return replace(_each(net, change), last=plain(net.last), head=head)


def scale_neurons(net: Net, chance: np.random.Generator) -> Net:
    """Between up and down, with signs; there has to be a gate, or the activation would see it."""

    def change(layer: Layer) -> Layer:
        assert layer.gate is not None
        count = len(layer.up.weight)
        by = (chance.choice([-1, 1], count) * np.exp(chance.normal(0, 0.7, count))).astype(np.float32)
        return replace(
            layer,
            up=Linear(layer.up.weight * by[:, None], layer.up.bias),
            down=Linear(layer.down.weight / by, layer.down.bias),
        )

    return _each(net, change)


def mix_values(net: Net, chance: np.random.Generator) -> Net:
    """An invertible map in each head, between values and what reads them."""
    size, shared = len(net.layers[0].query.weight) // net.heads, net.heads // net.keys

    def change(layer: Layer) -> Layer:
        by = [_invertible(size, chance) for _ in range(net.keys)]
        back = [np.linalg.inv(by[head // shared]) for head in range(net.heads)]
        return replace(layer, value=_rows(layer.value, _diagonal(by)), out=_columns(layer.out, _diagonal(back)))

    return _each(net, change)


def mix_queries(net: Net, chance: np.random.Generator) -> Net:
    """An invertible map in each head, between queries and keys; with rotary positions only what goes with those."""
    size, shared = len(net.layers[0].query.weight) // net.heads, net.heads // net.keys

    def change(layer: Layer) -> Layer:
        if net.architecture == "llama":
            of_keys = [_rotary(size, chance) for _ in range(net.keys)]
        else:
            of_keys = [_invertible(size, chance) for _ in range(net.keys)]
        of_queries = [np.linalg.inv(of_keys[head // shared]).T for head in range(net.heads)]
        return replace(layer, query=_rows(layer.query, _diagonal(of_queries)), key=_rows(layer.key, _diagonal(of_keys)))

    return _each(net, change)


def _invertible(size: int, chance: np.random.Generator) -> Array:
    """Well conditioned: two rotations, and scales between."""
    left, right = (np.linalg.qr(chance.standard_normal((size, size)))[0] for _ in range(2))
    return left * np.exp(chance.uniform(-0.7, 0.7, size)) @ right


def _rotary(size: int, chance: np.random.Generator) -> Array:
    """A rotation and a scale for each pair that rotary positions turn: element i of a head's halves."""
    half = size // 2
    angle, scale = chance.uniform(0, 2 * np.pi, half), np.exp(chance.uniform(-0.7, 0.7, half))
    cosine, sine = np.diag(scale * np.cos(angle)), np.diag(scale * np.sin(angle))
    return np.block([[cosine, -sine], [sine, cosine]])


def _diagonal(blocks: list[Array]) -> Array:
    size = len(blocks[0])
    found = np.zeros((size * len(blocks),) * 2, np.float32)
    for number, block in enumerate(blocks):
        found[number * size : (number + 1) * size, number * size : (number + 1) * size] = block
    return found


def move_norms(net: Net, chance: np.random.Generator) -> Net:
    """Scales moved from norms to what reads them, or back. An encoder's norms forbid that."""
    assert not net.is_encoder

    def moved(norm: Norm, by: Array) -> Norm:
        return Norm(norm.weight * by, None if norm.bias is None else norm.bias * by)

    def change(layer: Layer) -> Layer:
        one, other = (np.exp(chance.normal(0, 0.5, net.width)).astype(np.float32) for _ in range(2))
        query, key, value = (Linear(part.weight / one, part.bias) for part in (layer.query, layer.key, layer.value))
        gate = None if layer.gate is None else Linear(layer.gate.weight / other, layer.gate.bias)
        up = Linear(layer.up.weight / other, layer.up.bias)
        before, between = moved(layer.before, one), moved(layer.between, other)
        return replace(layer, before=before, between=between, query=query, key=key, value=value, gate=gate, up=up)

    return _each(net, change)


SYMMETRIES: Final[Mapping[str, Change]] = {
    "neurons permuted": permute_neurons,
    "heads permuted": permute_heads,
    "axes permuted": permute_axes,
    "rotated": rotate,
    "neurons scaled": scale_neurons,
    "values mixed": mix_values,
    "queries mixed": mix_queries,
    "norms moved": move_norms,
}

_NOT_BERT: Final = {"rotated", "norms moved", "neurons scaled"}
_NOT_GPT2: Final = {"neurons scaled"}


def symmetries(architecture: str) -> dict[str, Change]:
    """Those that an architecture has."""
    without = {"bert": _NOT_BERT, "gpt2": _NOT_GPT2}.get(architecture, set())
    return {name: change for name, change in SYMMETRIES.items() if name not in without}
