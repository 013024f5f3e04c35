"""How the matrices of two related models go together, one by one: the numbers that direction and change are read from.

Let B be a matrix of one model and A the one of the other that corresponds to it, in the same axes. Least squares give
B = x A + rest and A = y B + rest. If B came from A by training, what was learned has little to do with A: then x is
near 1, and y less. One number says it: lambda = -<B - A, A> / |B - A|², which is near 0 where A is the parent, near 1
where B is, and between for two children of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tukar.lineage import exact
from tukar.lineage.countsketch import Axes
from tukar.lineage.floats import Array, finite
from tukar.lineage.frames import WIDE
from tukar.lineage.links import Link, Links
from tukar.lineage.model import Block, Model, Neurons
from tukar.lineage.order import NEURONS, SURE, in_place, likeness
from tukar.lineage.weights import Weights

_ROWS: Final = 384  # of a matrix that are looked at, and
_COLUMNS: Final = 1024
_ENOUGH: Final = 32  # rows, to see by whether elements were rounded
_STRONG: Final = 12  # one in so many directions is called strong
_ALIKE: Final = 0.5  # of the largest cosine of two matrices, from which on others count
_LEAST: Final = 0.1
_MOST: Final = 0.95  # of the elements: the others may be too small for their format
_AS_MUCH: Final = 0.9  # of what neurons' cosines are, from which on other matrices' count
NEURONS_OF: Final = (" gate", " up", " down")
"""What names of neurons' matrices end with, after the number of the layer."""

_LAYER: Final = re.compile(r"(?:^|\.)(\d+)\.")
_CHANCE: Final = 0.4  # of the usual likeness, below which two neurons are not the same
_APART: Final = 0.3  # below the usual likeness, the same


@dataclass(frozen=True, slots=True)
class Fit:
    """Two matrices that correspond.

    Attributes:
        name: of A's.
        onto_b: x in B = x A + rest.
        onto_a: y in A = y B + rest.
        cosine: of the two as vectors.
        change: |B - A| / |A|.
        parent: lambda: near 0 where A is B's parent, near 1 where B is A's; NaN where they are equal.
        equal: the share of elements that are the same number.
        apart: |b - a| of elements, by the power of 2 that is next below the larger one of them: what all but some have
            at most. Rounding to a mantissa of n bits leaves 2^-(n + 1).
        learned: how much of A's strong directions is in B, by how much of its weak ones is: training makes some
            directions strong, and random values at the start have none; or the same of B in A, if that is more.
        rank: how many of the difference's singular values make up 99.9 % of its square, by how many it has.
        uneven: the deviation of log(length of B's row / length of A's), from row to row.
    """

    name: str
    onto_b: float
    onto_a: float
    cosine: float
    change: float
    parent: float
    equal: float
    apart: float
    learned: float
    rank: float
    uneven: float

    @property
    def kind(self) -> str:
        """The name without the number of the layer."""
        return re.sub(r"\d+", "#", self.name)

    @property
    def is_of_neurons(self) -> bool:
        """Whether it is of neurons that were found in both, wherever they stand."""
        return self.name.endswith(NEURONS_OF)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two matrices that correspond, rows by columns; of large ones a part."""

    name: str
    a: Array
    b: Array


def fit(pair: Pair) -> Fit | None:
    """The numbers of one pair; None if one of them is zero throughout."""
    a, b = (finite(values[:_ROWS, :_COLUMNS]).astype(np.float64) for values in (pair.a, pair.b))
    of_a, of_b, both = (float((one * other).sum()) for one, other in ((a, a), (b, b), (a, b)))
    if not of_a or not of_b:
        return None
    difference = b - a
    changed = float((difference * difference).sum())
    return Fit(
        pair.name,
        onto_b=both / of_a,
        onto_a=both / of_b,
        cosine=both / (of_a * of_b) ** 0.5,
        change=(changed / of_a) ** 0.5,
        parent=-float((difference * a).sum()) / changed if changed else float("nan"),
        equal=float((a == b).mean()),
        apart=_apart(a, b) if changed else 0.0,
        learned=max(_learned(a, b), _learned(b, a)) if changed else 1.0,
        rank=_rank(difference) if changed else 0.0,
        uneven=_uneven(a, b),
    )


def _apart(a: Array, b: Array) -> float:
    a, b = a[:_ENOUGH], b[:_ENOUGH]
    _, exponents = np.frexp(np.maximum(np.abs(a), np.abs(b)).ravel())
    differences = np.ldexp(np.abs(b - a).ravel(), 1 - exponents)
    place = int(_MOST * (differences.size - 1))
    return float(np.partition(differences, place)[place])


def _learned(a: Array, b: Array) -> float:
    squares, axes = np.linalg.eigh(_gram(a))
    strongest = axes[:, -max(len(squares) // _STRONG, 1) :]
    strong = strongest @ (strongest.T @ a) if len(axes) == len(a) else a @ strongest @ strongest.T
    weak = a - strong
    if not (weak * weak).sum() > 1e-12 * (a * a).sum():
        return 1.0
    of_strong, of_weak = ((part * b).sum() / (part * part).sum() for part in (strong, weak))
    return float(of_strong / max(of_weak, 1e-3))


def _rank(difference: Array) -> float:
    squares = np.linalg.eigvalsh(_gram(difference))[::-1].clip(0)
    return float(np.searchsorted(squares.cumsum(), 0.999 * squares.sum()) + 1) / len(squares)


def _gram(values: Array) -> Array:
    """Its eigenvalues are the squares of the singular values, and it takes a fraction of the time that those do."""
    made: Array = values @ values.T if values.shape[0] <= values.shape[1] else values.T @ values
    return made


def _uneven(a: Array, b: Array) -> float:
    left, right = (np.linalg.norm(rows, axis=1) for rows in (a, b))
    known = (left > 0) & (right > 0)
    return float(np.log(right[known] / left[known]).std()) if known.any() else 0.0


def fits(pairs: Iterable[Pair]) -> list[Fit]:
    """Of all pairs."""
    return [found for pair in pairs if (found := fit(pair)) is not None]


def alike(found: Sequence[Fit]) -> list[Fit]:
    """Those of matrices that were not replaced, and not put into another order or other axes.

    Heads can be put into another order and mixed where neurons are not, and look like something half changed.
    """
    most = max((fit.cosine for fit in found), default=0.0)
    some = [fit for fit in found if fit.cosine > max(_ALIKE * most, _LEAST)]
    usual = float(np.median([fit.cosine for fit in some if fit.is_of_neurons] or [0.0]))
    return [fit for fit in some if fit.is_of_neurons or fit.cosine > _AS_MUCH * usual]


def corresponding(a: Model, b: Model, links: Links) -> Iterator[Pair]:
    """The matrices that correspond: neurons of blocks that are linked, and what has the same name and layer."""
    frame = links.frame.plain
    for link in links.all:
        yield from _neurons(a, b, link, links)
    if a.embedding is not None and b.embedding is not None:
        rows = min(a.weights.shape(a.embedding)[0], b.weights.shape(b.embedding)[0], _ROWS)
        left, right = a.weights.read(a.embedding, 0, rows), b.weights.read(b.embedding, 0, rows)
        yield Pair(a.embedding, _turned(left, frame.a), _turned(right, frame.b))
    if frame.name == "files" and frame.b is None:
        layers = {link.a.layer: link.b.layer for link in reversed(links.all)}
        yield from by_name(a.weights, b.weights, layers, _compared(a))


def _turned(rows: Array, by: Axes | None) -> Array:
    return rows if by is None else rows @ by


def _neurons(a: Model, b: Model, link: Link, links: Links) -> Iterator[Pair]:
    frame = links.frame
    among = NEURONS if links.in_order or a.width > WIDE else None  # in another order, they may be anywhere
    alike = likeness(frame.of_a(a, link.a, NEURONS), frame.of_b(b, link.b, among))
    pairs = matched(alike)
    if not pairs:
        return
    places = np.array(pairs[:_ROWS])
    left = _vectors(a, link.a, frame.plain.a, places[:, 0])
    right = _vectors(b, link.b, frame.plain.b, places[:, 1])
    for kind, of_a, of_b in zip(NEURONS_OF, left.all(), right.all(), strict=True):
        if of_a is not None and of_b is not None:
            yield Pair(f"{link.a.layer}{kind}", of_a, of_b)


def matched(alike: Array) -> list[tuple[int, int]]:
    """Which neurons of two blocks are each other's, by how alike they are."""
    pairs = exact.mutual(alike)
    if alike.shape[0] == alike.shape[1] and in_place(pairs, alike) <= SURE:
        own = alike.diagonal()
        moved = {i: j for i, j in pairs if alike[i, j] > max(own[i], own[j]) + _APART}
        left = set(moved.values())
        return [(i, moved.get(i, i)) for i in range(len(alike)) if i in moved or i not in left]
    # A neuron whose own is gone has a nearest one, too.
    usual = float(np.median([alike[pair] for pair in pairs] or [0.0]))
    return [pair for pair in pairs if alike[pair] >= max(_CHANCE * usual, usual - _APART)]


def _vectors(model: Model, block: Block, axes: Axes | None, places: Array) -> Neurons:
    found = model.vectors(block, int(places.max()) + 1, written=_COLUMNS if axes is None else None)
    gate = None if found.gate is None else found.gate[places]
    some = Neurons(gate, found.up[places], found.down[places])
    return some if axes is None else some.turned(axes)


def _compared(model: Model) -> frozenset[str]:
    """What neurons and vocabularies are in."""
    return frozenset([*(name for block in model.blocks for name in model.names(block)), model.embedding or ""])


def by_name(
    a: Weights, b: Weights, layers: Mapping[int, int] | None = None, without: frozenset[str] = frozenset()
) -> Iterator[Pair]:
    """The matrices whose names are the same, and which have as many columns.

    Args:
        layers: by the number of a layer of A, the one that it has in B; others have none there.
        without: names to leave out.
    """
    for name in a:
        other = name if layers is None else _moved(name, layers)
        if name in without or other not in b or len(a.shape(name)) != 2 or len(b.shape(other)) != 2:
            continue
        rows = min(a.shape(name)[0], b.shape(other)[0], _ROWS)
        if a.shape(name)[1] == b.shape(other)[1] and rows > 1:
            yield Pair(name, a.read(name, 0, rows, _COLUMNS), b.read(other, 0, rows, _COLUMNS))


def _moved(name: str, layers: Mapping[int, int]) -> str:
    """What a tensor is called in B."""
    return _LAYER.sub(lambda found: f".{layers.get(int(found[1]), 'none')}.", name, count=1)
