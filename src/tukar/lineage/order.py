"""The exact tests over two whole models: every block of one against blocks of the other, and the residual axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage import exact, frames
from tukar.lineage.floats import Array
from tukar.lineage.frames import WIDE, Compared, Frame
from tukar.lineage.model import TOKENS, Block, Model, Neurons, unit

NEURONS: Final = 1024
"""How many neurons of a block are compared, the first ones: of a fixed part, the order is as exchangeable as of all."""

_GLANCED: Final = 192  # neurons, where every block is held against every other
_CLEARLY: Final = 1.05  # by how much a block at another place has to look more alike
_AMONG: Final = (4, 16)  # of how many nearest neurons a neuron's own may be one
TESTS: Final = 3 + len(_AMONG)
"""How many ``judged`` takes the least p of."""

_FRAMES: Final = 2  # of axes: the files', and the vocabulary's
_MOST: Final = 0.5  # of a block's neurons, from which on no other frame is looked at
SURE: Final = -6.0
"""log10 p: beyond it neurons or axes are in order."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of neurons of two blocks, or of residual axes.

    Attributes:
        log10_p: of the strongest test, for these two alone.
        same: the share that is each other's nearest and at the same place.
        in_order: the same of those that stand in the same order.
    """

    log10_p: float
    same: float
    in_order: float

    @property
    def agreed(self) -> float:
        """The larger share: what was pruned has left its place, and not its order."""
        return max(self.same, self.in_order)


@dataclass(frozen=True, slots=True)
class BlockAgreement(Agreement):
    """Of a block of A and one of B."""

    a: Block
    b: Block


@dataclass(frozen=True, slots=True)
class Order:
    """What the order of neurons and axes says.

    Attributes:
        log10_p: of the null hypothesis that the two are independent; valid for all that was looked at together.
        blocks: for each of A's the one of B that agrees best with it.
        axes: of the residual streams, in the files; None where there are no vocabularies to tell them by.
        frame: the axes that blocks were compared in; None where widths differ.
    """

    log10_p: float
    blocks: tuple[BlockAgreement, ...] = ()
    axes: Agreement | None = None
    frame: Frame | None = None

    def sure(self) -> list[BlockAgreement]:
        """The blocks that are no chance."""
        return [each for each in self.blocks if each.log10_p <= SURE]

    @property
    def agreed(self) -> float:
        """Of the block that agrees most."""
        return max((each.agreed for each in self.blocks), default=0.0)

    @property
    def is_plain(self) -> bool:
        """Whether the frame is beyond doubt, by most neurons of a block: where neurons kept their order and axes did
        not, something is found in the wrong axes, too.
        """
        return self.agreed >= _MOST

    @property
    def is_in_files(self) -> bool:
        """Whether the files' axes are the right ones beyond doubt, by most of themselves, wherever neurons stand."""
        return self.axes is not None and self.axes.log10_p <= SURE and self.axes.agreed >= _MOST


def compare(a: Model, b: Model) -> Order:
    """The exact tests, in the axes that the files have; if few neurons are found there, in those of the vocabulary too.

    A rotation that is taken from the vocabularies alone knows nothing of neurons, whose order is as exchangeable as
    before. Which pairs of blocks are looked at closely may depend on all weights: the bound is over all that there are.
    """
    order = compare_in_files(a, b)
    is_known = order.frame is None or order.is_plain or order.is_in_files
    other = None if is_known else frames.vocabulary(a, b)
    if other is None:
        return order
    turned = list(_blocks(a, b, other))
    return order if _least(order.blocks) <= _least(turned) else _order(a, b, turned, order.axes, other)


def compare_in_files(a: Compared, b: Compared) -> Order:
    """The same in the axes that the files have alone, which is all that sketches can be compared in."""
    if a.width != b.width:
        return Order(0.0)
    frame = frames.files(a.width)
    return _order(a, b, list(_blocks(a, b, frame)), _axes(a, b), frame)


def _order(
    a: Compared, b: Compared, agreements: Sequence[BlockAgreement], axes: Agreement | None, frame: Frame
) -> Order:
    found = [*agreements, axes] if axes is not None else agreements
    log10_p = exact.any_of([each.log10_p for each in found], _tried(a, b))
    return Order(log10_p, tuple(agreements), axes, frame)


def _tried(a: Compared, b: Compared) -> int:
    """How many tests there can be."""
    return TESTS * (_FRAMES * len(a.blocks) * len(b.blocks) + 1)


def _least(agreements: Sequence[Agreement]) -> float:
    return min(each.log10_p for each in agreements)


def _blocks(a: Compared, b: Compared, frame: Frame) -> Iterator[BlockAgreement]:
    partners = _partners(a, b, frame)
    for number, block in enumerate(a.blocks):
        other = b.blocks[partners[number]]
        found = judged(likeness(frame.of_a(a, block, NEURONS), frame.of_b(b, other, NEURONS)))
        yield BlockAgreement(found.log10_p, found.same, found.in_order, block, other)


def _partners(a: Compared, b: Compared, frame: Frame) -> list[int]:
    """For each block of A the one of B that looks most like it: a glance at a few neurons of each."""
    of_a = [frame.of_a(a, block, _GLANCED) for block in a.blocks]
    of_b = [frame.of_b(b, block, _GLANCED) for block in b.blocks]
    found = []
    for number, left in enumerate(of_a):
        scores = [float(likeness(left, right).max(axis=1).mean()) for right in of_b]
        best = int(np.argmax(scores))
        if len(of_a) == len(of_b) and scores[best] < _CLEARLY * scores[number]:
            best = number
        found.append(best)
    return found


def judged(alike: Array) -> Agreement:
    """The tests of a matrix of how alike two things are, from 0 to 1, of which each order is as likely."""
    if not alike.size:
        return Agreement(0.0, 0.0, 0.0)
    pairs = exact.mutual(alike)
    log_ps = [in_place(pairs, alike), exact.ordered(pairs)]
    if alike.shape[0] == alike.shape[1]:
        log_ps.append(exact.trace(alike))
    size = min(alike.shape)
    same, longest = sum(i == j for i, j in pairs), exact.increasing([j for _, j in pairs])
    return Agreement(min(log_ps), same / size, longest / size)


def in_place(pairs: Sequence[tuple[int, int]], alike: Array) -> float:
    """log10 p of neurons that stand at the same places: ``pairs`` are each other's nearest, others are nearly so."""
    return min(exact.fixed(pairs, alike.shape[1]), *(exact.among(alike, most) for most in _AMONG))


def likeness(a: Neurons, b: Neurons) -> Array:
    """How alike neurons are, from 0 to 1, whatever they were scaled by: the square of their vectors' mean cosine.

    Up and down of a gated neuron can change their signs together.
    """
    into, out = a.up @ b.up.T, a.down @ b.down.T
    if a.gate is not None and b.gate is not None:
        mean = (a.gate @ b.gate.T + np.abs(into + out)) / np.float32(3)
    elif a.gate is None and b.gate is None:
        mean = (into + out) / np.float32(2)
    else:
        mean = np.abs(into + out) / np.float32(2)
    alike: Array = np.square(mean.clip(0, 1))
    return alike


def _axes(a: Compared, b: Compared) -> Agreement | None:
    """The residual axes, each described by what the first tokens of the vocabulary have there; of wide models some."""
    left, right = a.tokens(TOKENS), b.tokens(TOKENS)
    if left is None or right is None:
        return None
    count = min(len(left), len(right))
    of_a, of_b = (unit(rows[:count, :WIDE].T) for rows in (left, right))
    return judged(np.square(of_a @ of_b.T).clip(0, 1))
