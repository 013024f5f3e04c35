"""What was done to the parts of a model: layers, neurons, vocabulary, and the order and axes they stand in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tukar.lineage import exact
from tukar.lineage.countsketch import CountSketch
from tukar.lineage.fits import Fit, matched
from tukar.lineage.floats import Array
from tukar.lineage.frames import Frame
from tukar.lineage.links import Link, Links
from tukar.lineage.model import Model
from tukar.lineage.order import NEURONS, SURE, likeness

Standing = Literal["same", "permuted", "turned"]

_ONE: Final = 0.9  # of a rotation's rows, and of the elements in them, for it to be a permutation
UNEVEN: Final = 0.2
"""Deviation of the logarithms of lengths, from which on neurons were scaled one by one."""

_IN_ORDER: Final = 0.98  # of a block's neurons at the same place: fewer, and some were put elsewhere
_LITTLE: Final = 0.3  # |B - A| / |A|, beyond which training alone may have done that
_REPLACED: Final = 0.3  # of neurons' cosine, up to which vocabularies with that one are not the same
_ALIKE: Final = 0.95  # cosine of neurons, from which on
_MIXED: Final = 0.85  # of it is what attention keeps if it was only trained
_EQUAL: Final = 0.9999  # cosine of neurons that were not changed
LOW_RANK: Final = 0.6
"""Of the singular values, up to which a difference is an adapter's."""

_ATTENTION: Final = ("attn", "attention")  # in names


@dataclass(frozen=True, slots=True)
class Structure:
    """A's parts beside B's.

    Attributes:
        layers: how many A and B have.
        missing: A's layers that are not in B, and B's that are not in A; empty where not all were looked for.
        doubled: how often layers of one stand in the other more than once: of A's in B, of B's in A.
        experts: how many A and B have in a layer; 1 where there is no choice of them.
        neurons: how many A's and B's linked blocks have on the average.
        rows: of the vocabularies; None where one has none.
        is_other_vocabulary: whether the rows have nothing in common.
        neuron_order, axes: of B, by A's.
        is_scaled: whether B's neurons or norms were scaled one by one.
        is_mixed: whether attention has nothing in common, where all else has: heads in another order, or mixed.
    """

    layers: tuple[int, int]
    missing: tuple[tuple[int, ...], tuple[int, ...]]
    doubled: tuple[int, int]
    experts: tuple[int, int]
    neurons: tuple[float, float]
    rows: tuple[int, int] | None
    is_other_vocabulary: bool
    neuron_order: Standing
    axes: Standing
    is_scaled: bool
    is_mixed: bool


def structure(a: Model, b: Model, links: Links, fits: Sequence[Fit]) -> Structure:
    """Of two models whose blocks were linked."""
    of_a, of_b = {link.a.layer for link in links.all}, {link.b.layer for link in links.all}
    missing: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    if links.is_whole:
        missing = tuple(sorted(set(range(a.layers)) - of_a)), tuple(sorted(set(range(b.layers)) - of_b))
    rows = None
    if a.embedding is not None and b.embedding is not None:
        rows = a.weights.shape(a.embedding)[0], b.weights.shape(b.embedding)[0]
    strongest = max(links.all, key=lambda link: link.agreed)
    axes = _axes(links.frame)
    return Structure(
        layers=(a.layers, b.layers),
        missing=missing,
        doubled=_doubled(links.all),
        experts=(_experts(a), _experts(b)),
        neurons=(
            float(np.mean([a.count(link.a) for link in links.all])),
            float(np.mean([b.count(link.b) for link in links.all])),
        ),
        rows=rows,
        is_other_vocabulary=_is_replaced(a.embedding, fits),
        neuron_order="same" if _is_in_order(a, b, strongest, links) else "permuted",
        axes=axes,
        is_scaled=axes == "same" and _is_scaled(a, b, strongest, fits),
        is_mixed=_is_mixed(fits),
    )


def _experts(model: Model) -> int:
    return 1 + max(block.expert for block in model.blocks)


def _doubled(links: Sequence[Link]) -> tuple[int, int]:
    pairs = {(link.a.layer, link.b.layer) for link in links}
    of_a, of_b = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    return sum(count - 1 for count in of_a.values()), sum(count - 1 for count in of_b.values())


def _is_in_order(a: Model, b: Model, link: Link, links: Links) -> bool:
    alike = likeness(links.frame.of_a(a, link.a, NEURONS), links.frame.of_b(b, link.b, NEURONS))
    if a.count(link.a) != b.count(link.b):
        return links.in_order or exact.ordered(exact.mutual(alike)) <= SURE
    pairs = matched(alike)
    return sum(one == other for one, other in pairs) >= _IN_ORDER * len(pairs)


def _axes(frame: Frame) -> Standing:
    rotation = frame.b if frame.a is None else frame.a
    if rotation is None or isinstance(rotation, CountSketch):
        return "same"
    if frame.is_partial:
        return "turned"
    largest = np.abs(rotation)
    if float((largest.max(axis=1) > _ONE).mean()) < _ONE:
        return "turned"
    return "same" if _is_identity(rotation) else "permuted"


def _is_identity(rotation: Array) -> bool:
    return float((rotation.argmax(axis=1) == np.arange(len(rotation))).mean()) > _ONE


def _is_scaled(a: Model, b: Model, link: Link, fits: Sequence[Fit]) -> bool:
    """Whether lengths differ from neuron to neuron, or scales of norms, by more than what else was changed."""
    reads = [fit for fit in fits if fit.name.endswith(" gate")] or [fit for fit in fits if fit.name.endswith(" up")]
    if not reads or float(np.median([fit.change for fit in reads])) > _LITTLE:
        return False
    uneven = [fit.uneven for fit in fits if fit.name.endswith((" up", " down"))]
    return float(np.median(uneven)) > UNEVEN or _deviation(a.norm(link.a), b.norm(link.b)) > UNEVEN


def _deviation(a: Array, b: Array) -> float:
    """Of the ratio's logarithm; 0 where one is all alike, as once it was folded into what reads it."""
    if not np.ptp(a) or not np.ptp(b):
        return 0.0
    known = (a != 0) & (b != 0)
    return float(np.log(np.abs(b[known] / a[known])).std()) if known.any() else 0.0


def _is_replaced(embedding: str | None, fits: Sequence[Fit]) -> bool:
    return any(fit.name == embedding and fit.cosine < _REPLACED * _usual(fits) for fit in fits)


def _is_mixed(fits: Sequence[Fit]) -> bool:
    """Told only where neurons are much alike: training alone changes attention more than neurons. Where neurons did not
    change at all, little is enough; but an adapter may have changed attention alone, by few directions.
    """
    usual, by_kind = _usual(fits), dict[str, list[Fit]]()
    for fit in fits:
        if not fit.is_of_neurons and any(word in fit.name for word in _ATTENTION):
            by_kind.setdefault(fit.kind, []).append(fit)
    is_rest_equal = usual > _EQUAL
    for found in by_kind.values():
        cosine, rank = (
            float(np.median(values)) for values in zip(*((fit.cosine, fit.rank) for fit in found), strict=True)
        )
        if cosine < _MIXED * usual or (is_rest_equal and cosine < _ALIKE and rank > LOW_RANK):
            return usual > _ALIKE
    return False


def _usual(fits: Sequence[Fit]) -> float:
    """The cosine of neurons."""
    return float(np.median([fit.cosine for fit in fits if fit.is_of_neurons] or [0.0]))
