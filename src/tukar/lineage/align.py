"""How much of one model is found in another once their residual streams are turned onto each other.

A model can be turned: its neurons and residual axes put into another order, its residual stream rotated, scales moved
between matrices. What it computes stays the same, and the exact tests see nothing. So first the rotation is found that
takes one residual stream onto the other, from the vocabulary both have or from neurons that are alike; then neurons are
matched twice, once by each of two vectors that belong to them, and it is counted how often both name the same one.

A rotation has many degrees of freedom, and would make strangers alike on the neurons that it was fitted to. So it is
fitted to one half of the neurons, and counted is the other half; then the other way round. And some neurons are like
most others, in any model: only pairs count that are each other's nearest.

The statistic has no exact p: two independent models that learn the same text come to have some neurons in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage.describe import described, moments, near
from tukar.lineage.floats import Array
from tukar.lineage.model import Block, Model, Neurons, by_vocabulary, polar

_ROUNDS: Final = 4  # of refining, at most
_BETTER: Final = 0.01  # in the share: what a round has to gain for another one
_ENOUGH: Final = 2.0  # matched neurons by the width, for a rotation to be taken from them alone
_HALVES: Final = (slice(0, None, 2), slice(1, None, 2))


@dataclass(frozen=True, slots=True)
class Match:
    """A block of A and one of B: for each block of the model that has fewer neurons, where most of them are found.

    Attributes:
        agreed: the share of that block's neurons that both vectors find at the same place.
    """

    a: Block
    b: Block
    agreed: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """What was found.

    Attributes:
        score: the mean of the blocks' agreement, from 0 to 1: the statistic.
        matches: by block of the model that has fewer neurons.
        rotation: width by width; B's vectors times it are in A's axes.
    """

    score: float
    matches: tuple[Match, ...]
    rotation: Array


def align(a: Model, b: Model) -> Alignment | None:
    """The best alignment found; None where widths differ."""
    if a.width != b.width:
        return None
    if sum(map(a.count, a.blocks)) > sum(map(b.count, b.blocks)):
        found = _aligned(b, a)
        matches = (Match(match.b, match.a, match.agreed) for match in found.matches)
        return Alignment(found.score, tuple(matches), found.rotation.T)
    return _aligned(a, b)


def _aligned(a: Model, b: Model) -> Alignment:
    """Where A has no more neurons than B."""
    of_a = [a.neurons(block) for block in a.blocks]
    of_b = [b.neurons(block) for block in b.blocks]
    shares: Array = np.zeros((len(of_a), len(of_b)))
    rotation = np.eye(a.width, dtype=np.float32)
    for fitted, counted in zip(_HALVES, reversed(_HALVES), strict=True):
        rotation = _fitted(a, b, of_a, of_b, fitted)
        turned = [neurons.turned(rotation) for neurons in of_b]
        for number, neurons in enumerate(of_a):
            rest = neurons.some(counted)
            for place, other in enumerate(turned):
                shares[number, place] += len(_agreed(rest, other)) / max(len(rest), 1) / len(_HALVES)
    best = shares.argmax(axis=1)
    matches = tuple(
        Match(block, b.blocks[place], float(shares[number, place]))
        for number, (block, place) in enumerate(zip(a.blocks, best, strict=True))
    )
    return Alignment(float(np.mean([match.agreed for match in matches])), matches, rotation)


def _fitted(a: Model, b: Model, of_a: Sequence[Neurons], of_b: Sequence[Neurons], half: slice) -> Array:
    """The rotation under which most neurons of one half of A's are found in B."""
    some = [neurons.some(half) for neurons in of_a]
    best, rotation = -1.0, np.eye(a.width, dtype=np.float32)
    for start in _starts(a, b, of_a, of_b, half):
        share, found = _refined(some, of_b, start)
        if share > best:
            best, rotation = share, found
    return rotation


def _starts(a: Model, b: Model, of_a: Sequence[Neurons], of_b: Sequence[Neurons], half: slice) -> Iterator[Array]:
    """Rotations to begin with: none; that of the vocabularies; and, where both have gates or none, that of neurons."""
    yield np.eye(a.width, dtype=np.float32)
    found = by_vocabulary(a, b)
    if found is not None:
        yield found
    if len({neurons.gate is None for neurons in (*of_a, *of_b)}) == 1:
        yield _described(of_a, of_b, half)


def _described(of_a: Sequence[Neurons], of_b: Sequence[Neurons], half: slice) -> Array:
    """A rotation from neurons alone, without any vocabulary."""
    by_a, by_b = moments(of_a), moments(of_b)
    if len(of_a) != len(of_b):  # which block is which is not known: measure by what all have together
        kinds = len(by_a) // (len(of_a) + 1)
        by_a, by_b = by_a[-kinds:], by_b[-kinds:]
    features = [described(neurons, by_b) for neurons in of_b]
    moment = np.eye(len(by_a[0]), dtype=np.float32)
    for neurons in of_a:
        own, some = described(neurons, by_a)[half], neurons.some(half)
        pairs = [near(own, each) for each in features]
        best = int(np.argmax([len(found) for found in pairs]))
        places, others = np.array(pairs[best], int).reshape(-1, 2).T
        for one, other in zip(some.signed(), of_b[best].signed(), strict=True):
            moment += other[others].T @ one[places]
    return polar(moment)


def _refined(of_a: Sequence[Neurons], of_b: Sequence[Neurons], rotation: Array) -> tuple[float, Array]:
    """Match, turn B further by what matched, and match again while that finds more: the share, and the rotation."""
    best, pairs = _matched(of_a, of_b, rotation)
    for _ in range(_ROUNDS):
        moment = sum((_moment(left, right, found) for left, right, found in pairs), np.zeros_like(rotation))
        if sum(len(found) for _, _, found in pairs) < _ENOUGH * len(rotation):
            moment += np.eye(len(rotation), dtype=np.float32)  # they say nothing of most axes, which stay as they are
        further = rotation @ polar(moment)
        share, pairs = _matched(of_a, of_b, further)
        gained = share - best
        if gained > 0:
            best, rotation = share, further
        if gained < _BETTER:
            break
    return best, rotation


_Pairs = list[tuple[Neurons, Neurons, list[tuple[int, int]]]]


def _matched(of_a: Sequence[Neurons], of_b: Sequence[Neurons], rotation: Array) -> tuple[float, _Pairs]:
    """The mean share of A's neurons that are found, and which they are, block by block."""
    turned = [neurons.turned(rotation) for neurons in of_b]
    pairs, shares = [], []
    for neurons in of_a:
        found = [_agreed(neurons, other) for other in turned]
        best = int(np.argmax([len(each) for each in found]))
        pairs.append((neurons, turned[best], found[best]))
        shares.append(len(found[best]) / max(len(neurons), 1))
    return float(np.mean(shares)), pairs


def _agreed(a: Neurons, b: Neurons) -> list[tuple[int, int]]:
    """A's neurons that are found twice in B: by gates and ups, or where there are no gates by ups and downs.

    By the first of the two, A's neuron is B's nearest as well. The sign of what an activation is taken of matters; up
    and down can change theirs together.
    """
    if a.gate is not None and b.gate is not None:
        one, other = a.gate @ b.gate.T, np.abs(a.up @ b.up.T)
    else:
        one, other = a.up @ b.up.T, a.down @ b.down.T
    first, second, back = one.argmax(axis=1), other.argmax(axis=1), one.argmax(axis=0)
    return [(i, int(j)) for i, j in enumerate(first) if second[i] == j and back[j] == i]


def _moment(a: Neurons, b: Neurons, pairs: list[tuple[int, int]]) -> Array:
    """What the rotation of these neurons of B onto those of A is the polar factor of."""
    of_a, of_b = np.array(pairs, int).reshape(-1, 2).T
    both = [(a.up[of_a], b.up[of_b]), (a.down[of_a], b.down[of_b])]
    if a.gate is not None and b.gate is not None:
        both.append((a.gate[of_a], b.gate[of_b]))
    total: Array = sum(right.T @ (left * _signs(left, right)) for left, right in both)
    return total


def _signs(a: Array, b: Array) -> Array:
    signs: Array = np.sign((a * b).sum(axis=1, keepdims=True))
    return signs
