"""What is done to models on purpose, and changes what they compute: each a function of a model and of chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Final

import numpy as np

from benchmarks.lineage.changes import Change, kept
from benchmarks.lineage.net import Layer, Linear, Net, Norm
from tukar.lineage.floats import Array


def everywhere(net: Net, change: Callable[[Array], Array], *, vectors: bool = True) -> Net:
    """Each matrix changed, and each vector."""

    def part(old: Linear | Norm) -> Linear | Norm:
        if isinstance(old, Norm) and not vectors:
            return old
        bias = old.bias if old.bias is None or not vectors else change(old.bias)
        return type(old)(change(old.weight), bias)

    def layer(old: Layer) -> Layer:
        parts = {each.name: getattr(old, each.name) for each in fields(old)}
        return Layer(**{name: None if value is None else part(value) for name, value in parts.items()})  # type: ignore[arg-type]

    ends = {name: part(value) for name in ("first", "last", "head") if (value := getattr(net, name)) is not None}
    others = {name: change(rows) for name, rows in net.others.items()}
    layers = tuple(layer(each) for each in net.layers)
    return replace(net, embedding=change(net.embedding), layers=layers, others=others, **ends)  # type: ignore[arg-type]


def cast(net: Net, chance: np.random.Generator, *, bits: int) -> Net:
    """Mantissas rounded to so many bits: 10 as in float16, 7 as in bfloat16, 3 as in E4M3."""
    unit = np.uint32(1 << (23 - bits))

    def rounded(values: Array) -> Array:
        made: Array = ((values.astype(np.float32).view(np.uint32) + unit // 2) & ~(unit - 1)).view(np.float32)
        return made

    return everywhere(net, rounded)


def quantise(net: Net, chance: np.random.Generator, *, bits: int, group: int = 32) -> Net:
    """Matrices in groups of a row, each of evenly spaced levels up to its largest element."""
    most = (1 << (bits - 1)) - 1

    def rounded(values: Array) -> Array:
        size = group if values.shape[-1] % group == 0 else values.shape[-1]
        rows = values.reshape(-1, size)
        scale = np.abs(rows).max(axis=1, keepdims=True) / most
        return (np.round(rows / np.maximum(scale, 1e-30)) * scale).astype(np.float32).reshape(values.shape)

    return everywhere(net, rounded, vectors=False)


def prune_weights(net: Net, chance: np.random.Generator, *, share: float) -> Net:
    """The smallest weights of each matrix are 0."""

    def pruned(values: Array) -> Array:
        return np.where(np.abs(values) < np.quantile(np.abs(values), share), np.float32(0), values)

    return everywhere(net, pruned, vectors=False)


def add_noise(net: Net, chance: np.random.Generator, *, by: float) -> Net:
    """Every weight a little off, by the deviation of its matrix."""

    def noisy(values: Array) -> Array:
        return (values + by * values.std() * chance.standard_normal(values.shape)).astype(np.float32)

    return everywhere(net, noisy, vectors=False)


def prune_neurons(net: Net, chance: np.random.Generator, *, share: float) -> Net:
    """The neurons that write least are left out; the others stay in order."""

    def change(layer: Layer) -> Layer:
        strength = np.linalg.norm(layer.down.weight, axis=0) * np.linalg.norm(layer.up.weight, axis=1)
        count = round(len(strength) * (1 - share))
        return kept(layer, np.sort(np.argsort(strength)[len(strength) - count :]))

    return net.with_layers(*(change(layer) for layer in net.layers))


def drop_layers(net: Net, chance: np.random.Generator, *, count: int) -> Net:
    """Some layers are left out, neither the first nor the last."""
    gone = chance.choice(np.arange(1, len(net.layers) - 1), count, replace=False)
    return net.with_layers(*(layer for number, layer in enumerate(net.layers) if number not in gone))


def double_layers(net: Net, chance: np.random.Generator) -> Net:
    """The middle layers twice, one run after the other."""
    middle = net.layers[1:-1]
    return net.with_layers(net.layers[0], *middle, *middle, net.layers[-1])


def more_words(net: Net, chance: np.random.Generator, *, count: int) -> Net:
    """New rows at the end of the vocabulary, near the mean of the others."""

    def longer(rows: Array) -> Array:
        new = rows.mean(axis=0) + 0.1 * rows.std() * chance.standard_normal((count, rows.shape[1]))
        return np.concatenate([rows, new.astype(np.float32)])

    head = net.head
    if head is not None:
        bias = None if head.bias is None else np.concatenate([head.bias, np.zeros(count, np.float32)])
        head = Linear(longer(head.weight), bias)
    return replace(net, embedding=longer(net.embedding), head=head)


def other_words(net: Net, chance: np.random.Generator) -> Net:
    """Another vocabulary: rows that say nothing of the old ones."""

    def drawn(rows: Array) -> Array:
        return (rows.std() * chance.standard_normal(rows.shape)).astype(np.float32)

    head = None if net.head is None else Linear(drawn(net.head.weight), net.head.bias)
    return replace(net, embedding=drawn(net.embedding), head=head)


def merge(net: Net, other: Net, share: float) -> Net:
    """Every weight a mean of two models', ``share`` of it the first one's."""
    of_other = iter(_all(other))
    return everywhere(net, lambda values: (share * values + (1 - share) * next(of_other)).astype(np.float32))


def graft(net: Net, other: Net) -> Net:
    """The second half of the layers is another model's."""
    half = len(net.layers) // 2
    return net.with_layers(*net.layers[:half], *other.layers[half:])


def _all(net: Net) -> list[Array]:
    """In the order in which ``everywhere`` goes through them."""
    found: list[Array] = []

    def note(values: Array) -> Array:
        found.append(values)
        return values

    everywhere(net, note)
    return found


LOSSES: Final[Mapping[str, Change]] = {
    "float16": partial(cast, bits=10),
    "float8": partial(cast, bits=3),
    "int8": partial(quantise, bits=8),
    "int4": partial(quantise, bits=4),
    "half of the weights": partial(prune_weights, share=0.5),
    "noise": partial(add_noise, by=0.05),
    "a quarter of the neurons": partial(prune_neurons, share=0.25),
    "half of the neurons": partial(prune_neurons, share=0.5),
    "a layer dropped": partial(drop_layers, count=1),
    "layers doubled": double_layers,
    "more words": partial(more_words, count=64),
    "other words": other_words,
}
