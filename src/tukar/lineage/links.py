"""Which blocks of two related models are each other's, and in which axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage.align import LOOKED_FOR, Alignment, share
from tukar.lineage.frames import Frame
from tukar.lineage.model import Block, Model
from tukar.lineage.order import Order

FOUND: Final = 0.1
"""Share of a block's neurons, from which on it counts as found: strangers' reach 0.07."""

_CLEAR: Final = 0.4  # the same, from which on no other is looked at
_AS_OTHERS: Final = 0.3  # of what others have in common: layers of one published model have up to 0.22
_MOST: Final = 64  # blocks that are held against all of the other model


@dataclass(frozen=True, slots=True)
class Link:
    """A block of A, the one of B that has its neurons, and how many of them, from 0 to 1."""

    a: Block
    b: Block
    agreed: float


@dataclass(frozen=True, slots=True)
class Links:
    """All that were found.

    Attributes:
        frame: the axes that they were found in.
        all: by A's block, then B's.
        is_whole: whether every block was looked for.
        in_order: whether the order of neurons told it.
    """

    frame: Frame
    all: tuple[Link, ...]
    is_whole: bool
    in_order: bool


def linked(a: Model, b: Model, order: Order, alignment: Alignment | None) -> Links | None:
    """By the order of neurons, or by the alignment where that found more or the order nothing; None if neither did."""
    if order.frame is None:
        return None
    in_order = bool(order.sure()) and (alignment is None or alignment.frame is order.frame)
    found, frame = [Link(each.a, each.b, each.agreed) for each in order.sure()], order.frame
    if not in_order and alignment is not None:
        found = [Link(match.a, match.b, match.agreed) for match in alignment.matches if match.agreed >= FOUND]
        frame = alignment.frame
    if not found:
        return None
    others, rest = _unlinked(a, b, found)
    is_whole = max(len(others), len(rest)) * max(len(a.blocks), len(b.blocks)) <= _MOST**2
    if is_whole:
        least = max(FOUND, _AS_OTHERS * float(np.median([link.agreed for link in found])))
        found += [Link(one, other, size) for one, other, size in _best(a, others, b, frame) if size >= least]
        _, rest = _unlinked(a, b, found)
        found += [Link(one, other, size) for other, one, size in _best(b, rest, a, frame.reversed) if size >= least]
    found.sort(key=lambda link: (link.a.layer, link.a.expert, link.b.layer, link.b.expert))
    return Links(frame, tuple(found), is_whole, in_order)


def _unlinked(a: Model, b: Model, links: Sequence[Link]) -> tuple[list[Block], list[Block]]:
    """A's blocks that no link has, and B's."""
    of_a, of_b = {link.a for link in links}, {link.b for link in links}
    return [block for block in a.blocks if block not in of_a], [block for block in b.blocks if block not in of_b]


def _best(model: Model, blocks: Iterable[Block], other: Model, frame: Frame) -> Iterator[tuple[Block, Block, float]]:
    """For each of these blocks the other model's that has most of its neurons, and how many."""
    for block in blocks:
        neurons = frame.of_a(model, block, LOOKED_FOR)
        most, best = 0.0, other.blocks[0]
        for each in sorted(other.blocks, key=lambda each: abs(_depth(other, each) - _depth(model, block))):
            agreed = share(neurons, frame.all_of_b(other, each, beside=[neurons]))
            if agreed > most:
                most, best = agreed, each
            if most >= _CLEAR:
                break
        yield block, best, most


def _depth(model: Model, block: Block) -> float:
    """From 0 to 1."""
    return block.layer / max(model.layers - 1, 1)
