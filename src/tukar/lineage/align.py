"""How much of one model is found in another once their residual streams are turned onto each other.

A model can be turned: its neurons and residual axes put into another order, its residual stream rotated, scales moved
between matrices. What it computes stays the same, and the exact tests see nothing. So first the rotation is found that
takes one residual stream onto the other, from the vocabulary both have or from sums over all neurons; then neurons are
matched twice, once by each of two vectors that belong to them, and it is counted how often both name the same one.

A rotation has many degrees of freedom, and would make strangers alike on the neurons that it was fitted to one by one.
So it is fitted to matches of one half, and counted is the other half; then the other way round. And some neurons are
like most others, in any model: only pairs count that are each other's nearest.

The statistic has no exact p: two independent models that learn the same text come to have some neurons in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np

from tukar.lineage import frames
from tukar.lineage.floats import Array
from tukar.lineage.frames import WIDE, Frame
from tukar.lineage.model import Block, Model, Neurons, polar
from tukar.lineage.moments import rotation
from tukar.lineage.order import NEURONS, BlockAgreement, Order

_ROUNDS: Final = 12  # of refining, at most
_BETTER: Final = 0.002  # in the share: what a round has to gain for another one
_CLEAR: Final = 0.3  # the share from which on nothing else is tried
_ENOUGH: Final = 2.0  # matched neurons by the width, for a rotation to be taken from them alone
_FEWEST: Final = 64  # neurons of a block, on the average,
_TOGETHER: Final = 256  # and of all: of fewer, some agree by chance
_FOR_MOMENTS: Final = 4  # neurons for each axis: to fewer, a rotation by moments fits whatever they are
_HALVES: Final = (slice(0, None, 2), slice(1, None, 2))
LOOKED_FOR: Final = 512
"""Neurons of a block, which are looked for among all of the other model's."""

_BLOCKS: Final = 8  # of the model that has fewer neurons, where it has more; of wide ones half as many
_NEAR: Final = 3  # blocks of the other one, where it has more than _BLOCKS: those at about the same depth


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
        frame: where most neurons are alike.
    """

    score: float
    matches: tuple[Match, ...]
    frame: Frame


def align(a: Model, b: Model, order: Order | None = None) -> Alignment | None:
    """The best alignment found; None where widths differ, or there are too few neurons to tell any by.

    Args:
        order: what the exact tests said, which spares a search for what is known.
    """
    if a.width != b.width:
        return None
    if order is None or order.frame is None or not order.sure():
        return _looked_for(a, b, order)
    found = None if order.is_plain else _looked_for(a, b, order)
    if found is not None and found.score >= _CLEAR:
        return found
    return _in_order(a, b, order.sure(), order.frame)


def _looked_for(a: Model, b: Model, order: Order | None) -> Alignment | None:
    """Wherever neurons stand; None if there are too few."""
    if any(sum(map(model.count, model.blocks)) < max(_FEWEST * len(model.blocks), _TOGETHER) for model in (a, b)):
        return None
    known = frames.files(a.width) if order is not None and order.is_in_files else None
    if sum(map(a.count, a.blocks)) <= sum(map(b.count, b.blocks)):
        return _aligned(a, b, known)
    found = _aligned(b, a, known)
    matches = (Match(match.b, match.a, match.agreed) for match in found.matches)
    return Alignment(found.score, tuple(matches), found.frame.reversed)


def _aligned(a: Model, b: Model, known: Frame | None) -> Alignment:
    """Where A has no more neurons than B."""
    if a.width > WIDE:
        return _among_few(a, b, [frames.files(a.width), frames.vocabulary(a, b)] if known is None else [known])
    looked_for, among = _chosen(a, b, _BLOCKS)
    of_a = [a.neurons(block, LOOKED_FOR) for block in looked_for]
    numbers = sorted({number for candidates in among for number in candidates})
    of_b = {number: b.neurons(b.blocks[number]) for number in numbers}
    search = _Search(a, b, of_a, of_b, among, known)
    total: Array = np.zeros((len(of_a), len(b.blocks)))
    frame = Frame("files")
    for fitted, counted in zip(_HALVES, reversed(_HALVES), strict=True):
        frame = search.fitted(fitted)
        total += search.shares(counted, frame) / len(_HALVES)
    return _summed(a, b, looked_for, total, frame)


def _in_order(a: Model, b: Model, blocks: Sequence[BlockAgreement], frame: Frame) -> Alignment:
    """Of models whose neurons are known to be in the same order: where the order found them."""
    matches = []
    for each in blocks:
        left, right = frame.of_a(a, each.a, LOOKED_FOR), frame.of_b(b, each.b, NEURONS)
        matches.append(Match(each.a, each.b, share(left, right)))
    return Alignment(sum(match.agreed for match in matches) / len(a.blocks), tuple(matches), frame)


def _among_few(a: Model, b: Model, tried: Sequence[Frame | None]) -> Alignment:
    """Of wide models: no rotation is fitted to neurons, and so none has to be kept from those that are counted."""
    looked_for, among = _chosen(a, b, _BLOCKS // 2)
    found = (
        _summed(a, b, looked_for, _wide_shares(a, b, looked_for, among, frame), frame)
        for frame in tried
        if frame is not None
    )
    return max(found, key=lambda alignment: alignment.score)


def _wide_shares(a: Model, b: Model, looked_for: Sequence[Block], among: _Among, frame: Frame) -> Array:
    """One block of B at a time: all of them are too many to hold."""
    of_a = [frame.of_a(a, block, LOOKED_FOR) for block in looked_for]
    shares: Array = np.zeros((len(of_a), len(b.blocks)))
    for place, block in enumerate(b.blocks):
        wanted = [number for number, candidates in enumerate(among) if place in candidates]
        if wanted:
            other = frame.all_of_b(b, block, beside=of_a)
            shares[wanted, place] = [share(of_a[number], other) for number in wanted]
    return shares


_Among: TypeAlias = Sequence[Sequence[int]]
"""For each block that is looked for, the numbers of those that it is looked for among."""


def _chosen(a: Model, b: Model, most: int) -> tuple[list[Block], _Among]:
    """Which blocks of A are looked for among which of B: all, or of deep models some; those at the same depth first."""
    places = np.unique(np.linspace(0, len(a.blocks) - 1, most).round().astype(int))
    chosen = [a.blocks[place] for place in places]
    count = len(b.blocks) if len(b.blocks) <= most else _NEAR
    depth = np.array([block.layer for block in b.blocks]) / max(b.layers - 1, 1)
    own = [block.layer / max(a.layers - 1, 1) for block in chosen]
    return chosen, [np.abs(depth - each).argsort(kind="stable")[:count].tolist() for each in own]


def _summed(a: Model, b: Model, looked_for: Sequence[Block], shares: Array, frame: Frame) -> Alignment:
    best = shares.argmax(axis=1)
    matches = tuple(
        Match(block, b.blocks[place], float(shares[number, place]))
        for number, (block, place) in enumerate(zip(looked_for, best, strict=True))
    )
    return Alignment(float(np.mean([match.agreed for match in matches])), matches, frame)


def share(a: Neurons, b: Neurons) -> float:
    """How many of A's neurons are found twice in B, from 0 to 1."""
    return len(_agreed(a, b)) / max(len(a), 1)


@dataclass(frozen=True)
class _Search:
    """What is looked for in what."""

    a: Model
    b: Model
    of_a: Sequence[Neurons]
    of_b: Mapping[int, Neurons]
    among: _Among
    known: Frame | None

    def shares(self, counted: slice, frame: Frame) -> Array:
        """How many neurons of a part of each block of A are found in each of B."""
        turned = self._turned(frame)
        found: Array = np.zeros((len(self.of_a), len(self.b.blocks)))
        for number, candidates in enumerate(self.among):
            for place in candidates:
                found[number, place] = share(self.of_a[number].some(counted), turned[place])
        return found

    def fitted(self, half: slice) -> Frame:
        """The axes in which most neurons of one half of A's are found in B."""
        some = [neurons.some(half) for neurons in self.of_a]
        best, found = -1.0, Frame("files")
        for start in self._starts(some):
            share, frame = self._refined(some, start)
            if share > best:
                best, found = share, frame
            if best >= _CLEAR:
                break
        return found

    def _turned(self, frame: Frame) -> Mapping[int, Neurons]:
        if frame.b is None:
            return self.of_b
        return {place: neurons.turned(frame.b) for place, neurons in self.of_b.items()}

    def _starts(self, of_a: Sequence[Neurons]) -> Iterator[Frame]:
        """To begin with: what is known; else files, vocabularies and, where both have gates or none, enough neurons."""
        yield self.known or Frame("files")
        if self.known is not None:
            return
        found = frames.vocabulary(self.a, self.b)
        if found is not None:
            yield found
        is_enough = sum(map(len, self.of_a)) >= _FOR_MOMENTS * self.a.width
        if is_enough and len({neurons.gate is None for neurons in (*self.of_a, *self.of_b.values())}) == 1:
            both = (Frame("neurons", None, sign * self._rotation) for sign in (1, -1))
            yield max(both, key=lambda frame: self._matched(of_a, frame)[0])

    @cached_property
    def _rotation(self) -> Array:
        """Of both halves: it is taken from sums over all neurons, and none of them is fitted to."""
        places = {number: place for place, number in enumerate(self.of_b)}
        among = [[places[number] for number in candidates] for candidates in self.among]
        return rotation(self.of_a, list(self.of_b.values()), among)

    def _refined(self, of_a: Sequence[Neurons], frame: Frame) -> tuple[float, Frame]:
        """Match, turn B further by what matched, and match again while that finds more: the share, and the axes."""
        best, pairs = self._matched(of_a, frame)
        width = self.a.width
        for _ in range(_ROUNDS):
            moment = sum((_moment(left, right, found) for left, right, found in pairs), np.zeros((width, width)))
            if sum(len(found) for _, _, found in pairs) < _ENOUGH * width:
                moment += np.eye(width)  # they say nothing of most axes, which stay as they are
            turn = polar(moment.astype(np.float32))
            further = Frame(frame.name, None, turn if frame.b is None else frame.b @ turn)
            share, pairs = self._matched(of_a, further)
            gained = share - best
            if gained > 0:
                best, frame = share, further
            if gained < _BETTER:
                break
        return best, frame

    def _matched(self, of_a: Sequence[Neurons], frame: Frame) -> tuple[float, _Pairs]:
        """The mean share of A's neurons that are found, and which they are, block by block."""
        turned = self._turned(frame)
        pairs, shares = [], []
        for neurons, candidates in zip(of_a, self.among, strict=True):
            found = [_agreed(neurons, turned[place]) for place in candidates]
            best = int(np.argmax([len(each) for each in found]))
            pairs.append((neurons, turned[candidates[best]], found[best]))
            shares.append(len(found[best]) / max(len(neurons), 1))
        return float(np.mean(shares)), pairs


_Pairs: TypeAlias = list[tuple[Neurons, Neurons, Array]]


def _agreed(a: Neurons, b: Neurons) -> Array:
    """A's neurons that are found twice in B, and B's: by gates and ups, or where there are no gates by ups and downs.

    By the first of the two, A's neuron is B's nearest as well. The sign of what an activation is taken of matters; up
    and down can change theirs together.
    """
    if a.gate is not None and b.gate is not None:
        one, other = a.gate @ b.gate.T, np.abs(a.up @ b.up.T)
    else:
        one, other = a.up @ b.up.T, a.down @ b.down.T
    if not one.size:
        return np.zeros((0, 2), int)
    first = one.argmax(axis=1)
    places = np.flatnonzero(first == other.argmax(axis=1))
    is_mutual = one[:, first[places]].argmax(axis=0) == places
    found: Array = np.stack([places, first[places]], axis=1)[is_mutual]
    return found


def _moment(a: Neurons, b: Neurons, pairs: Array) -> Array:
    """What the rotation of these neurons of B onto those of A is the polar factor of."""
    of_a, of_b = pairs.T
    both = [(a.up[of_a], b.up[of_b]), (a.down[of_a], b.down[of_b])]
    if a.gate is not None and b.gate is not None:
        both.append((a.gate[of_a], b.gate[of_b]))
    total: Array = sum(right.T @ (left * _signs(left, right)) for left, right in both)
    return total


def _signs(a: Array, b: Array) -> Array:
    signs: Array = np.sign((a * b).sum(axis=1, keepdims=True))
    return signs
