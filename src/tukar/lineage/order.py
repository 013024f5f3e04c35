"""The exact tests over two whole models: every block of one against blocks of the other, and the residual axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage import exact
from tukar.lineage.floats import Array
from tukar.lineage.model import TOKENS, Block, Model, Neurons, by_vocabulary, unit

NEURONS: Final = 1024
"""How many neurons of a block are compared, the first ones: of a fixed part, the order is as exchangeable as of all."""

_GLANCED: Final = 192  # neurons, where every block is held against every other
_CLEARLY: Final = 1.05  # by how much a block at another place has to look more alike
_TESTS: Final = 3  # of a pair of blocks in a frame; as many of the residual axes
_FRAMES: Final = 2  # of axes: the files', and the vocabulary's
_SURE: Final = -6  # log10 p: beyond it no other frame is looked at


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two blocks, or the residual axes of two models.

    Attributes:
        a, b: the blocks; None for the residual axes.
        log10_p: of the strongest test, for this pair alone.
        same: share of the compared neurons that are each other's nearest and at the same place.
        in_order: the same of those that stand in the same order.
    """

    a: Block | None
    b: Block | None
    log10_p: float
    same: float
    in_order: float


@dataclass(frozen=True, slots=True)
class Order:
    """What the order of neurons and axes says.

    Attributes:
        log10_p: of the null hypothesis that the two are independent; valid for all that was looked at together.
        agreements: the block of B that agrees best with each of A's that was compared; then the axes, if they were.
    """

    log10_p: float
    agreements: tuple[Agreement, ...]


def compare(a: Model, b: Model) -> Order:
    """The exact tests, in the axes that the files have; if they say nothing, in those of the vocabulary.

    A rotation that is taken from the vocabularies alone knows nothing of neurons, whose order is as exchangeable as
    before. Which pairs of blocks are looked at closely may depend on all weights: the bound is over all that there are.
    """
    if a.width != b.width:
        return Order(0.0, ())
    tried = _TESTS * (_FRAMES * len(a.blocks) * len(b.blocks) + 1)
    agreements = list(_blocks(a, b, None))
    axes = _axes(a, b)
    if exact.any_of([each.log10_p for each in agreements], tried) > _SURE:
        rotation = by_vocabulary(a, b)
        turned = [] if rotation is None else list(_blocks(a, b, rotation))
        agreements = min(agreements, turned or agreements, key=lambda found: min(each.log10_p for each in found))
    if axes is not None:
        agreements.append(axes)
    return Order(exact.any_of([each.log10_p for each in agreements], tried), tuple(agreements))


def _blocks(a: Model, b: Model, rotation: Array | None) -> Iterator[Agreement]:
    partners = _partners(a, b, rotation)
    for number, block in enumerate(a.blocks):
        other = b.blocks[partners[number]]
        yield _judged(block, other, _alike(a.neurons(block, NEURONS), _turned(b.neurons(other, NEURONS), rotation)))


def _turned(neurons: Neurons, rotation: Array | None) -> Neurons:
    return neurons if rotation is None else neurons.turned(rotation)


def _partners(a: Model, b: Model, rotation: Array | None) -> list[int]:
    """For each block of A the one of B that looks most like it: a glance at a few neurons of each."""
    of_a = [a.neurons(block, _GLANCED) for block in a.blocks]
    of_b = [_turned(b.neurons(block, _GLANCED), rotation) for block in b.blocks]
    found = []
    for number, left in enumerate(of_a):
        scores = [float(_alike(left, right).max(axis=1).mean()) for right in of_b]
        best = int(np.argmax(scores))
        if len(of_a) == len(of_b) and scores[best] < _CLEARLY * scores[number]:
            best = number
        found.append(best)
    return found


def _judged(a: Block | None, b: Block | None, alike: Array) -> Agreement:
    pairs = exact.mutual(alike)
    log_ps = [exact.fixed(pairs, alike.shape[1]), exact.ordered(pairs)]
    if alike.shape[0] == alike.shape[1]:
        log_ps.append(exact.trace(alike))
    size = min(alike.shape)
    same, longest = sum(i == j for i, j in pairs), exact.increasing([j for _, j in pairs])
    return Agreement(a, b, min(log_ps), same / size, longest / size)


def _alike(a: Neurons, b: Neurons) -> Array:
    """How alike neurons are, from 0 to 1: squared cosines, so that what is scaled by anything stays alike."""
    both = [(a.up, b.up), (a.down, b.down)]
    if a.gate is not None and b.gate is not None:
        both.append((a.gate, b.gate))
    total: Array = sum(np.square(left @ right.T) for left, right in both) / np.float32(len(both))
    return total.clip(0, 1)


def _axes(a: Model, b: Model) -> Agreement | None:
    """The residual axes, each described by what the first tokens of the vocabulary have there."""
    left, right = a.tokens(TOKENS), b.tokens(TOKENS)
    if left is None or right is None:
        return None
    count = min(len(left), len(right))
    return _judged(None, None, np.square(unit(left[:count].T) @ unit(right[:count].T).T).clip(0, 1))
