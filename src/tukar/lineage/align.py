"""How much of one model is found in another once their residual streams are turned onto each other.

A model can be turned: its neurons and residual axes put into another order, its residual stream rotated, scales moved
between matrices. What it computes stays the same, and the exact tests see nothing. So first the rotation is found that
takes B's residual stream onto A's, from the vocabulary both have, then from the neurons that look alike; then neurons
are matched twice, once by each of two vectors that belong to them, and it is counted how often both name the same one.

The statistic has no exact p: two independent models that learn the same text come to have some neurons in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage.describe import described, moments, near
from tukar.lineage.floats import Array
from tukar.lineage.model import TOKENS, Block, Model, Neurons, polar

_ROUNDS: Final = 4  # of refining, at most
_BETTER: Final = 0.01  # in the score: what a round has to gain for another one
_ENOUGH: Final = 2.0  # matched neurons by the width, for a rotation to be taken from them alone


@dataclass(frozen=True, slots=True)
class Match:
    """A block of A, and the one of B that has most of its neurons.

    Attributes:
        agreed: the share of A's neurons, or of B's where it has fewer, that both vectors find at the same place.
    """

    a: Block
    b: Block
    agreed: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """What was found.

    Attributes:
        score: the mean of the blocks' agreement, from 0 to 1: the statistic.
        matches: by block of A.
        rotation: width by width; B's vectors times it are in A's axes.
    """

    score: float
    matches: tuple[Match, ...]
    rotation: Array


def align(a: Model, b: Model) -> Alignment | None:
    """The best alignment found; None where widths differ."""
    if a.width != b.width:
        return None
    of_a = [(block, a.neurons(block)) for block in a.blocks]
    of_b = [(block, b.neurons(block)) for block in b.blocks]
    best = None
    for rotation in (*_first(a, b), _described(of_a, of_b)):
        found = _refined(of_a, of_b, rotation)
        if best is None or found.score > best.score:
            best = found
    return best


def _first(a: Model, b: Model) -> Iterator[Array]:
    """Rotations to begin with: none, and that which takes one vocabulary onto the other."""
    yield np.eye(a.width, dtype=np.float32)
    left, right = a.tokens(TOKENS), b.tokens(TOKENS)
    if left is not None and right is not None:
        count = min(len(left), len(right))
        yield polar(right[:count].T @ left[:count])


_Blocks = list[tuple[Block, Neurons]]


def _described(of_a: _Blocks, of_b: _Blocks) -> Array:
    """A rotation from neurons alone, without any vocabulary."""
    left, right = ([neurons for _, neurons in blocks] for blocks in (of_a, of_b))
    by_a, by_b = moments(left), moments(right)
    if len(left) != len(right):  # which block is which is not known: measure by what all have together
        kinds = len(by_a) // (len(left) + 1)
        by_a, by_b = by_a[-kinds:], by_b[-kinds:]
    features = [described(neurons, by_b) for neurons in right]
    moment = np.eye(len(by_a[0]), dtype=np.float32)
    for neurons in left:
        own = described(neurons, by_a)
        pairs = [near(own, each) for each in features]
        best = int(np.argmax([len(found) for found in pairs]))
        places, others = np.array(pairs[best], int).reshape(-1, 2).T
        for one, other in zip(neurons.signed(), right[best].signed(), strict=True):
            moment += other[others].T @ one[places]
    return polar(moment)


def _refined(of_a: _Blocks, of_b: _Blocks, rotation: Array) -> Alignment:
    """Match, turn B further by what matched, and match again, as long as that finds more."""
    best, pairs = _matched(of_a, of_b, rotation)
    for _ in range(_ROUNDS):
        moment = sum((_moment(left, right, found) for left, right, found in pairs), np.zeros_like(rotation))
        count = sum(len(found) for _, _, found in pairs)
        if count < _ENOUGH * len(rotation):  # they say nothing of most axes, which stay where they are then
            moment += np.eye(len(rotation), dtype=np.float32)
        made, pairs = _matched(of_a, of_b, best.rotation @ polar(moment))
        gained = made.score - best.score
        best = made if gained > 0 else best
        if gained < _BETTER:
            break
    return best


_Pairs = list[tuple[Neurons, Neurons, list[tuple[int, int]]]]


def _matched(of_a: _Blocks, of_b: _Blocks, rotation: Array) -> tuple[Alignment, _Pairs]:
    turned = [(block, neurons.turned(rotation)) for block, neurons in of_b]
    matches, pairs = [], []
    for block, neurons in of_a:
        found = [_agreed(neurons, other) for _, other in turned]
        shares = [len(each) / min(len(neurons), len(other)) for each, (_, other) in zip(found, turned, strict=True)]
        best = int(np.argmax(shares))
        matches.append(Match(block, of_b[best][0], shares[best]))
        pairs.append((neurons, turned[best][1], found[best]))
    score = float(np.mean([match.agreed for match in matches]))
    return Alignment(score, tuple(matches), rotation), pairs


def _agreed(a: Neurons, b: Neurons) -> list[tuple[int, int]]:
    """Pairs of neurons that are found twice: by their gates and ups, or where there are no gates by ups and downs.

    The sign of what an activation is taken of matters; up and down can change theirs together.
    """
    if a.gate is not None and b.gate is not None:
        one, other = a.gate @ b.gate.T, np.abs(a.up @ b.up.T)
    else:
        one, other = a.up @ b.up.T, a.down @ b.down.T
    if len(b) > len(a):  # from the side that has fewer
        first, second = one.argmax(axis=1), other.argmax(axis=1)
        return [(i, int(j)) for i, j in enumerate(first) if second[i] == j]
    first, second = one.argmax(axis=0), other.argmax(axis=0)
    return [(int(i), j) for j, i in enumerate(first) if second[j] == i]


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
