"""The exact tests over two whole models: every block of one against blocks of the other, and the residual axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage import exact
from tukar.lineage.floats import Array
from tukar.lineage.model import Block, Model, Neurons, unit

NEURONS: Final = 1024
"""How many neurons of a block are compared, the first ones: of a fixed part, the order is as exchangeable as of all."""

_GLANCED: Final = 192  # neurons, where every block is held against every other
_TOKENS: Final = 4096
_TESTS: Final = 3  # of a pair of blocks; as many of the residual axes


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
    """The exact tests. Blocks that stand at the same place are compared first; if they say nothing, all with all."""
    tried = _TESTS * (len(a.blocks) * len(b.blocks) + 1)
    agreements = list(_blocks(a, b))
    axes = _axes(a, b)
    if axes is not None:
        agreements.append(axes)
    return Order(exact.any_of([each.log10_p for each in agreements], tried), tuple(agreements))


def _blocks(a: Model, b: Model) -> Iterator[Agreement]:
    """Which pairs are looked at closely may depend on the weights: the bound is over all pairs that there are."""
    if a.width != b.width:
        return
    partners = _partners(a, b)
    for number, block in enumerate(a.blocks):
        other = b.blocks[partners[number]]
        yield _agreement(block, other, a.neurons(block, NEURONS), b.neurons(other, NEURONS))


def _partners(a: Model, b: Model) -> list[int]:
    """For each block of A the one of B that looks most like it: a glance at a few neurons of each."""
    if len(a.blocks) == len(b.blocks) == 1:
        return [0]
    of_a = [a.neurons(block, _GLANCED) for block in a.blocks]
    of_b = [b.neurons(block, _GLANCED) for block in b.blocks]
    found = []
    for number, left in enumerate(of_a):
        scores = [float(_alike(left, right).max(axis=1).mean()) for right in of_b]
        straight = number if len(scores) == len(of_a) else int(np.argmax(scores))
        best = int(np.argmax(scores))
        found.append(best if scores[best] > 1.05 * scores[straight] else straight)
    return found


def _agreement(a: Block | None, b: Block | None, of_a: Neurons, of_b: Neurons) -> Agreement:
    return _judged(a, b, _alike(of_a, of_b))


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
    if a.width != b.width or a.embedding is None or b.embedding is None:
        return None
    count = min(a.weights.shape(a.embedding)[0], b.weights.shape(b.embedding)[0], _TOKENS)
    left, right = (_columns(model, count) for model in (a, b))
    return _judged(None, None, np.square(left @ right.T).clip(0, 1))


def _columns(model: Model, count: int) -> Array:
    assert model.embedding is not None  # noqa: S101 - asked before
    columns = np.nan_to_num(model.weights.read(model.embedding, 0, count), posinf=0, neginf=0).T
    return unit(columns - columns.mean(axis=1, keepdims=True))
