"""Whether one of two models descends from the other: the verdict, its evidence, and what it cannot see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from tukar.lineage import words
from tukar.lineage.align import align
from tukar.lineage.changes import changes, is_forward, turned
from tukar.lineage.direction import direction
from tukar.lineage.evidence import Change, Direction, Reason, Verdict
from tukar.lineage.fits import NEURONS_OF, Fit, Pair, alike, by_name, corresponding, fits, matched
from tukar.lineage.frames import WIDE
from tukar.lineage.grain import grain
from tukar.lineage.links import Link, Links, linked
from tukar.lineage.model import Model, opened
from tukar.lineage.modelsketch import ModelSketch, is_sketch, sketched
from tukar.lineage.order import SURE, Order, compare, compare_in_files, likeness
from tukar.lineage.structure import UNEVEN, structure
from tukar.lineage.unknown import axes
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource

DERIVED: Final = 0.15
"""The score from which on neurons that two vectors find alike are no chance: strangers of the tuning families reach
0.057 (docs/design/lineage.md)."""

REVIEW: Final = 0.1
"""The score from which on a person should look closer."""

_LEARNED: Final = 0.9  # of how much weak directions have in common, how much strong ones have: less is a common start
_HALF: Final = 0.5  # of the largest cosine, from which on matrices have something in common
_ENOUGH: Final = 2  # matrices to tell that by
_FEW: Final = 3  # neurons that correspond, of which nothing can be told


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of two models.

    Attributes:
        verdict: ``derived``: one comes from the other, or both from a third. ``shared-start``: they began with the same
            random values, or parted early. ``review``: somebody should look closer. ``none``: no relation was found.
        log10_p: of the exact tests, for all that they looked at together; None where there was nothing to test.
        score: the share of neurons that two vectors find alike, from 0 to 1; None where it cannot be counted.
        p_conformal: the share of independent models' scores that are as high or higher, this one included.
        null_size: of how many independent pairs.
        direction: who came first.
        reasons: what speaks for a direction.
        changes: what the child has undergone, if it is one; from A to B where the direction is unknown.
        links: the blocks of A that were found in B, and how much of them: of neurons in the same order if that told it,
            else of those that two vectors find alike.
        is_whole: whether every block was looked for.
        is_in_order: which of the two.
        layers: how many A and B have; None where that is not known.
        architectures: of A and B, as the table calls them; None for what is not in it.
        limits: what the tests could not see, in words.
    """

    verdict: Verdict
    log10_p: float | None = None
    score: float | None = None
    p_conformal: float | None = None
    null_size: int | None = None
    direction: Direction = "unknown"
    reasons: tuple[Reason, ...] = ()
    changes: tuple[Change, ...] = ()
    links: tuple[Link, ...] = ()
    is_whole: bool = False
    is_in_order: bool = False
    layers: tuple[int, int] | None = None
    architectures: tuple[str | None, str | None] = (None, None)
    limits: tuple[str, ...] = ()

    def by_layer(self) -> list[tuple[str, str, float]]:
        """Rows of a picture: A's layer, with its expert if that is not the first, B's layer, and how much agreed.

        Layers of A that were looked for and not found have a row, too, with nothing of B.
        """
        rows = [(link.a.layer, link.a.expert, str(link.b.layer), link.agreed) for link in self.links]
        if self.is_whole and self.layers is not None:
            found = {link.a.layer for link in self.links}
            rows += [(layer, 0, "–", 0.0) for layer in range(self.layers[0]) if layer not in found]
        rows.sort(key=lambda row: row[:2])
        return [(f"{layer}.{expert}" if expert else str(layer), other, agreed) for layer, expert, other, agreed in rows]


def trace(a: Weights, b: Weights) -> Trace:
    """Test two models' weights, or a sketch and a model's weights, or two sketches.

    Raises:
        Invalid: shapes do not fit together.
        Unsupported: a dtype is not known; or beside a sketch, the architecture is not.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of hostile numbers, which come to nothing
        found = _traced(a, b)
    spoilt = [words.no_numbers(name, each.no_numbers) for name, each in (("A", a), ("B", b)) if each.no_numbers]
    return replace(found, limits=(*spoilt, *found.limits))


def _traced(a: Weights, b: Weights) -> Trace:
    if is_sketch(a) or is_sketch(b):
        return _of_sketches(_sketch(a), _sketch(b))
    left, right = opened(a), opened(b)
    if left is None or right is None:
        return _of_unknown(a, b, (left, right))
    return _of_known(left, right)


def _of_unknown(a: Weights, b: Weights, models: tuple[Model | None, Model | None]) -> Trace:
    names = _names(models)
    agreement = axes(a, b)
    if agreement is None:
        return Trace("none", architectures=names, limits=(words.NOTHING_SHARED, *words.ALWAYS))
    if agreement.log10_p > SURE:
        return Trace(
            "none", agreement.log10_p, architectures=names, limits=(words.UNKNOWN, *words.NOT_SEEN, *words.ALWAYS)
        )
    found = fits(by_name(a, b))
    towards, reasons = direction(alike(found), grain(a), grain(b), None)
    verdict = _sure(found)
    return Trace(
        verdict,
        agreement.log10_p,
        direction=towards if verdict == "derived" else "unknown",
        reasons=tuple(reasons) if verdict == "derived" else (),
        architectures=names,
        limits=(words.UNKNOWN, *words.of(verdict, towards), *words.ALWAYS),
    )


def _of_known(a: Model, b: Model) -> Trace:
    names, layers = _names((a, b)), (a.layers, b.layers)
    if a.width != b.width:
        return Trace("none", layers=layers, architectures=names, limits=(words.OTHER_WIDTH, *words.ALWAYS))
    order = compare(a, b)
    alignment = align(a, b, order)
    score = None if alignment is None else alignment.score
    p, size = conformal(score, is_gated=a.is_gated(a.blocks[0])) if score is not None else (None, None)
    is_sure, is_high = order.log10_p <= SURE, score is not None and score >= REVIEW
    links = linked(a, b, order, alignment) if is_sure or is_high else None
    if links is None:
        verdict: Verdict = "review" if is_sure or is_high else "none"
        wide = (words.WIDE,) if a.width > WIDE and verdict == "none" else ()
        few = (words.FEW,) if alignment is None else ()
        unseen = (*few, *(words.of_axes() if is_sure else words.of(verdict, "unknown")), *wide, *words.ALWAYS)
        return Trace(verdict, order.log10_p, score, p, size, layers=layers, architectures=names, limits=unseen)
    found = fits(corresponding(a, b, links))
    verdict = _sure(found) if is_sure or (score or 0) >= DERIVED else "review"
    towards, reasons, told = _told(a, b, links, found)
    if verdict == "shared-start":
        towards, reasons, told = "unknown", [], []
    return Trace(
        verdict,
        order.log10_p,
        score,
        p,
        size,
        towards,
        tuple(reasons),
        tuple(told),
        links.all,
        links.is_whole,
        links.in_order,
        layers,
        names,
        (*words.of(verdict, towards), *words.ALWAYS),
    )


def _sketch(weights: Weights) -> ModelSketch:
    return ModelSketch(weights if is_sketch(weights) else Weights([BytesSource(sketched(weights))]))


def _of_sketches(a: ModelSketch, b: ModelSketch) -> Trace:
    """By the order of neurons and axes alone."""
    names, layers = (a.architecture, b.architecture), (a.layers, b.layers)
    if a.width != b.width:
        return Trace("none", layers=layers, architectures=names, limits=(words.OTHER_WIDTH, *words.ALWAYS))
    order = compare_in_files(a, b)
    verdict: Verdict = "none"
    if order.log10_p <= SURE:
        verdict = _sure(fits(_kept(a, b, order))) if order.sure() else "review"
    return Trace(
        verdict,
        order.log10_p,
        links=tuple(Link(each.a, each.b, each.agreed) for each in order.sure()),
        is_whole=True,
        is_in_order=True,
        layers=layers,
        architectures=names,
        limits=(*words.of_sketches(verdict, is_of_axes=not order.sure()), *words.ALWAYS),
    )


def _kept(a: ModelSketch, b: ModelSketch, order: Order) -> Iterator[Pair]:
    """The neurons that correspond, of those that sketches have."""
    for each in order.sure():
        left, right = a.neurons(each.a), b.neurons(each.b)
        pairs = np.array(matched(likeness(left, right)))
        if len(pairs) <= _FEW:
            continue
        for kind, of_a, of_b in zip(NEURONS_OF, left.all(), right.all(), strict=True):
            if of_a is not None and of_b is not None:
                yield Pair(f"{each.a.layer}{kind}", of_a[pairs[:, 0]], of_b[pairs[:, 1]])


def _told(a: Model, b: Model, links: Links, found: list[Fit]) -> tuple[Direction, list[Reason], list[Change]]:
    parts = structure(a, b, links, found)
    if parts.is_scaled or parts.is_mixed or parts.axes == "turned":  # of that, the rest does not tell what was learned
        found = [fit for fit in found if fit.is_of_neurons and fit.uneven < UNEVEN]
    usable = [] if links.frame.is_partial else alike(found)
    of_a, of_b = grain(a.weights), grain(b.weights)
    towards, reasons = direction(usable, of_a, of_b, parts)
    if not is_forward(towards):
        found, parts = turned(found, parts)
        usable, of_a, of_b = alike(found) if usable else [], of_b, of_a
    return towards, reasons, changes(found, usable, of_a, of_b, parts)


def _sure(found: Sequence[Fit]) -> Verdict:
    """Kin, or only of a common start: whether B has what A learned as much as what A began with."""
    most = max((fit.cosine for fit in found), default=0.0)
    some = [fit.learned for fit in found if fit.cosine > _HALF * most]
    if len(some) < _ENOUGH:
        return "review"
    return "shared-start" if float(np.median(some)) < _LEARNED else "derived"


def _names(models: tuple[Model | None, Model | None]) -> tuple[str | None, str | None]:
    first, second = (None if model is None else model.architecture.name for model in models)
    return first, second


def conformal(score: float, *, is_gated: bool) -> tuple[float, int]:
    """The conformal p of a score and the size of its null: (1 + how many are as high) / (n + 1)
    (V. Vovk, A. Gammerman and G. Shafer, Algorithmic learning in a random world, 2005).
    """
    null = _null()["gated" if is_gated else "plain"]
    return (1 + sum(each >= score for each in null)) / (len(null) + 1), len(null)


@cache
def _null() -> dict[str, list[float]]:
    """Scores of independent models, by whether their neurons have gates."""
    found: dict[str, list[float]] = json.loads(files(__package__).joinpath("null.json").read_text())
    return found
