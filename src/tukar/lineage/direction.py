"""Which of two related models came first, by what cannot be undone, and by what training does to weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tukar.lineage.evidence import Direction, Reason
from tukar.lineage.fits import Fit
from tukar.lineage.grain import Grain, anew
from tukar.lineage.structure import Structure

_ZEROS: Final = 0.1  # more of the elements that are 0: pruned
_ZEROS_OF_LEVELS: Final = 0.2  # of the elements, that quantising alone does not make 0
_VISIBLE: Final = 0.01  # |B - A| / |A|, below which rounding may have made the difference
_PARENT: Final = 0.25  # of lambda: up to here A is the parent, from 1 - this on B is
_MOVED: Final = 0.4  # beyond 0 and 1
_SIBLINGS: Final = 0.4  # from here to 1 - this neither is
_NEAR: Final = (
    0.9  # the cosine of two models, below which so much was learned that what the parent's kin had is not seen
)
_MERGED: Final = 0.85  # of what is left of A in B, at most, for B to be a merge
_UNIFORM: Final = 0.08  # how far apart shares of a merge are, from matrix to matrix
_ROUNDING: Final = 0.21  # |B - A| / |A| of what is rounded to mantissas of 0 bits; half of that for each bit
_QUANTISING: Final = {4: 0.09, 8: 0.005}  # |B - A| / |A| of what is quantised to so many bits, in groups of 32
_NOT_ROUNDED: Final = 0.5  # of that, below which nothing was
_MORE: Final = 3.0  # times as much: more was done than to quantise
_FEWER_BITS: Final = 2  # of a mantissa
_PLAIN: Final = 7  # bits of a mantissa, from which on a format has numbers as small as weights are


def direction(fits: Sequence[Fit], a: Grain, b: Grain, structure: Structure | None) -> tuple[Direction, list[Reason]]:
    """Who came first, and why; ``unknown`` where nothing tells.

    Whoever rotates a model, or moves scales in it, leaves no levels, no coarser numbers and no zeros: then it says
    nothing that only one of two has them. A rotation that was found almost, and not quite, moves lambda to 0.5: then
    that says nothing, either.
    """
    parts = [] if structure is None else _parts(structure)
    rounded, shares = _rounded(a, b, fits), merged(fits)
    is_mixed_up = structure is not None and (structure.axes == "turned" or structure.is_scaled)
    numbers = [] if is_mixed_up else [*_numbers(a, b, fits), *([] if a.levels != b.levels else rounded)]
    reasons = [*numbers, *parts, *shares]
    if not rounded and not shares and not _is_pruned(a, b):  # these move lambda, whoever came first
        is_turned = structure is not None and structure.axes != "same"
        reasons += [reason for reason in _trained(fits) if reason.points != "siblings" or not is_turned]
    return _summed(reasons), reasons


def _summed(reasons: Sequence[Reason]) -> Direction:
    pointed = {reason.points for reason in reasons}
    if len(pointed) == 1:
        return pointed.pop()
    return "siblings" if pointed else "unknown"


def _either(of_a: bool, of_b: bool, text: str) -> list[Reason]:
    """What B has and A has not, or the other way round."""
    if of_a == of_b:
        return []
    return [Reason("a->b", f"B {text}")] if of_b else [Reason("b->a", f"A {text}")]


def _numbers(a: Grain, b: Grain, fits: Sequence[Fit]) -> list[Reason]:
    if (a.levels is None) != (b.levels is None):
        return _quantised(a, b, fits)
    more = _ZEROS if a.levels is None else _ZEROS_OF_LEVELS
    pruned = (a.zeros > b.zeros + more, b.zeros > a.zeros + more)
    return [*_either(*pruned, "is pruned (many weights are 0)"), *_quantised_anew(a, b, fits)]


def _quantised(a: Grain, b: Grain, fits: Sequence[Fit]) -> list[Reason]:
    """One of them is. It is the child if they differ by as much as quantising does; a model that was trained on from
    quantised weights differs by less or by more, and then so may one that was quantised after training.
    """
    usual = _QUANTISING[a.levels or b.levels or 8]
    change = float(np.median([fit.change for fit in fits])) if fits else usual
    if change > _MORE * usual:
        return []
    if change < _NOT_ROUNDED * usual:
        text = "has finer numbers, which the other one's levels were not rounded from"
        return _either(a.levels is None, b.levels is None, text)
    return _either(a.levels is not None, b.levels is not None, "is quantised")


def _quantised_anew(a: Grain, b: Grain, fits: Sequence[Fit]) -> list[Reason]:
    """Both are, and one of them, too, at levels where the other is not, which differs by as much as these make."""
    of_a, of_b = anew(b, a), anew(a, b)
    usual = _QUANTISING[of_a or of_b or 8]
    change = float(np.median([fit.change for fit in fits])) if fits else 0.0
    if not _NOT_ROUNDED * usual <= change <= _MORE * usual:
        return []
    return _either(of_a is not None, of_b is not None, "is quantised once more than the other one")


def _rounded(a: Grain, b: Grain, fits: Sequence[Fit]) -> list[Reason]:
    """Coarser numbers are rounded finer ones if they differ by as much as rounding does. If by much less, they cannot
    be, and the finer ones were computed from them. A fine-tune of rounded weights differs by more; or by as much, if it
    was short, and then by more of some than these would be rounded by.
    """
    if abs(a.bits - b.bits) < _FEWER_BITS or not fits:
        return []
    bits = min(a.bits, b.bits)
    change = float(np.median([fit.change for fit in fits])) / (_ROUNDING * 2.0**-bits)
    apart = [fit.apart for fit in fits if not fit.is_of_neurons]  # into those, norms were folded, rounded by themselves
    is_nearest = bits < _PLAIN or not apart or float(np.median(apart)) <= 2.0 ** -(bits + 1)
    if 0.3 < change < 2 and is_nearest:
        return _either(a.bits < b.bits, b.bits < a.bits, "is rounded to fewer bits")
    if 0 < change <= 0.1:
        return _either(a.bits > b.bits, b.bits > a.bits, "has finer numbers, which the others were not rounded from")
    return []


def _parts(found: Structure) -> list[Reason]:
    """Of models that were cut down, or grew by what they had."""
    reasons = []
    (of_a, of_b), (more_b, more_a) = found.missing, found.doubled
    if more_a or more_b:  # B has layers of A's twice, or A of B's
        reasons += _either(more_a > more_b, more_b > more_a, "has layers of the other one twice")
    elif not of_a or not of_b:
        reasons += _either(bool(of_b), bool(of_a), "lacks layers")
    reasons += _either(found.experts[0] > found.experts[1], found.experts[1] > found.experts[0], "has more experts")
    few, many = (found.neurons[0] < 0.95 * found.neurons[1], found.neurons[1] < 0.95 * found.neurons[0])
    reasons += _either(few, many, "has fewer neurons")
    if found.rows is not None and not found.is_other_vocabulary:
        reasons += _either(found.rows[0] > found.rows[1], found.rows[1] > found.rows[0], "has a larger vocabulary")
    return reasons


def merged(fits: Sequence[Fit]) -> list[Reason]:
    """A merge with something else keeps the same share of every matrix; training does not."""
    found = [*_kept(fits, [fit.onto_b for fit in fits], "a->b"), *_kept(fits, [fit.onto_a for fit in fits], "b->a")]
    return [min(found, key=lambda each: each[0])[1]] if found else []


def _kept(fits: Sequence[Fit], shares: Sequence[float], points: Direction) -> list[tuple[float, Reason]]:
    """How far the shares are apart, and the reason."""
    if len(fits) < 4:  # as many could agree by chance
        return []
    low, middle, high = np.quantile(shares, [0.1, 0.5, 0.9])
    if not 0 < middle < _MERGED or high - low > _UNIFORM or np.median([fit.learned for fit in fits]) < 0.9:
        return []
    names = "AB" if points == "a->b" else "BA"
    text = f"the same share of {names[0]} is left in every matrix of {names[1]}, {middle:.0%}"
    return [(float(high - low), Reason(points, text))]


def _is_pruned(a: Grain, b: Grain) -> bool:
    """Whether one has more zeros than the other, and than quantising makes: the other is always further from 0."""
    return abs(a.zeros - b.zeros) > (_ZEROS if a.levels == b.levels else _ZEROS_OF_LEVELS)


def _trained(fits: Sequence[Fit]) -> list[Reason]:
    """Lambda is near 0, too, of siblings of which B learned far more: where that can be, it says nothing."""
    found = parent(fits)
    if found is None or np.median([fit.cosine for fit in fits]) < _NEAR:
        return []
    if not -_MOVED <= found <= 1 + _MOVED:  # weights grew or shrank, which either way round could have done
        return []
    if found <= _PARENT:
        return [Reason("a->b", f"what sets B apart has nothing to do with A (lambda {found:z.2f})")]
    if found >= 1 - _PARENT:
        return [Reason("b->a", f"what sets A apart has nothing to do with B (lambda {found:z.2f})")]
    if _SIBLINGS <= found <= 1 - _SIBLINGS:
        return [Reason("siblings", f"both were changed since they were one (lambda {found:z.2f})")]
    return []


def parent(fits: Sequence[Fit]) -> float | None:
    """Lambda over all matrices, each with the weight of its change; None if there is too little change to tell."""
    changed = [fit for fit in fits if fit.change > _VISIBLE]
    total = sum(fit.change**2 for fit in changed)
    if not changed:
        return None
    return sum(fit.parent * fit.change**2 for fit in changed) / total
