"""Tests with an exact p: whether the neurons of two models stand in the same order.

The null hypothesis: the two were initialised independently, and trained by a procedure that treats all neurons of a
block alike (SGD, Adam and the like do, whatever the data). Then, given everything but the order of B's neurons, each
order is as likely as any other, whatever else the models have in common. A fine-tune keeps the order; nothing else is
known to give two models the same one.

All of it is logarithms to the base of 10: p is often below what a float holds. A p is valid: under the null hypothesis
it is at most x with probability x or less. All are conservative.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import lgamma, log, log10
from typing import Final

import numpy as np

from tukar.lineage.floats import Array

_CLEAR: Final = 1e-4  # of squared cosines: far above what rounding makes of equal ones


def trace(alike: Array) -> float:
    """log10 p of the diagonal's sum, for a square matrix of how alike neuron i of A and j of B are, from 0 to 1.

    Under a uniform permutation the sum X has the mean m = (sum of all) / n, and P(X - m >= t) is at most
    2 exp(-t² / (4 m + 2 t)): S. Chatterjee, Stein's method for concentration inequalities, 2007, proposition 1.1.
    """
    mean = float(alike.sum(dtype=np.float64)) / len(alike)
    beyond = float(np.trace(alike, dtype=np.float64)) - mean
    if beyond <= 0:
        return 0.0
    return min(0.0, log10(2) - beyond * beyond / (4 * mean + 2 * beyond) / log(10))


def mutual(alike: Array) -> list[tuple[int, int]]:
    """The pairs that are each other's nearest, by neuron of A.

    Whoever has two that are equally near has none: which one it were would depend on their order, or on rounding.
    """
    of_a, of_b = _nearest(alike), _nearest(alike.T)
    return [(i, int(j)) for i, j in enumerate(of_a) if j >= 0 and of_b[j] == i]


def _nearest(alike: Array) -> Array:
    """For each row the column of its largest value, or -1."""
    if alike.shape[1] < 2:
        return np.full(len(alike), -1)
    second, first = np.partition(alike, -2, axis=1)[:, -2:].T
    return np.where(first - second > _CLEAR, alike.argmax(axis=1), -1)


def fixed(pairs: Sequence[tuple[int, int]], size: int) -> float:
    """log10 p of how many pairs are of the same place, where B has ``size`` neurons.

    k given pairs are all fixed by a uniform permutation with probability (n - k)! / n!, and there are C(m, k) ways to
    choose them among m: the union bound.
    """
    count, same = len(pairs), sum(i == j for i, j in pairs)
    return min(0.0, (_choose(count, same) + lgamma(size - same + 1) - lgamma(size + 1)) / log(10))


def among(alike: Array, most: int) -> float:
    """log10 p of how many neurons have their own place in B among the ``most`` nearest, and are among its.

    Weak kin, as a merge of a few per cent, has many neurons that are near their own and by chance nearer to some other.
    Of the E pairs that are among each other's nearest, k of different neurons can be chosen in C(n, k) (E / n)^k ways
    at most (Maclaurin's inequality), and k given ones are all fixed by a uniform permutation with probability
    (m - k)! / m!: the union bound, as in ``fixed``.
    """
    if min(alike.shape) <= most:
        return 0.0
    near = _among(alike, most) & _among(alike.T, most).T
    same, (count, size) = int(np.trace(near)), alike.shape
    if not same:
        return 0.0
    ways = _choose(count, same) + same * log(float(near.sum()) / count)
    return min(0.0, (ways + lgamma(size - same + 1) - lgamma(size + 1)) / log(10))


def _among(alike: Array, most: int) -> Array:
    """For each row which columns are clearly above all but the ``most`` largest: never more, whatever is equal."""
    beyond = np.partition(alike, -most - 1, axis=1)[:, -most - 1]
    found: Array = alike > beyond[:, None] + _CLEAR
    return found


def ordered(pairs: Sequence[tuple[int, int]]) -> float:
    """log10 p of the longest run of pairs that stand in the same order in both, not only at the same places.

    Of neurons that were pruned the others keep their order. A uniform permutation of m has an increasing subsequence of
    length k with probability at most C(m, k) / k!: the union bound.
    """
    longest = increasing([j for _, j in sorted(pairs)])
    return min(0.0, (_choose(len(pairs), longest) - lgamma(longest + 1)) / log(10))


def increasing(values: Sequence[int]) -> int:
    """The length of the longest strictly increasing subsequence (C. Schensted, 1961)."""
    ends: list[int] = []
    for value in values:
        place = bisect_left(ends, value)
        ends[place : place + 1] = [value]
    return len(ends)


def any_of(log_ps: Sequence[float], tried: int) -> float:
    """log10 p of the least of several, of which ``tried`` could have been looked at: Bonferroni's bound."""
    return min(0.0, min(log_ps, default=0.0) + log10(max(tried, 1)))


def _choose(n: int, k: int) -> float:
    """The natural logarithm of a binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
