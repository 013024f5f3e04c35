"""Shares of what was counted, with exact intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Final

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 of none."""
        return self.count / self.of if self.of else 0.0

    def interval(self) -> tuple[float, float]:
        """The exact interval of C. Clopper and E. Pearson (1934), at ``LEVEL``."""
        tail = (1 - LEVEL) / 2
        low = 0.0 if not self.count else _where(lambda p: 1 - _at_most(self.count - 1, self.of, p) > tail)
        high = 1.0 if self.count == self.of else _where(lambda p: _at_most(self.count, self.of, p) < tail)
        return low, high

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{_percent(self.share)} ({_percent(low)}–{_percent(high)})" if self.of else "–"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}" if share < 0.01 else f"{100 * share:.1f}"


def _where(is_beyond: Callable[[float], bool]) -> float:
    """The least p for which it is so, if it is for all greater ones."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if is_beyond(middle) else (middle, high)
    return high


def _at_most(count: int, of: int, p: float) -> float:
    """The probability of at most ``count`` successes of ``of``."""
    if not 0 < p < 1:
        return float(p <= 0)
    terms = (
        lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) + k * log(p) + (of - k) * log(1 - p)
        for k in range(count + 1)
    )
    return min(1.0, sum(exp(term) for term in terms))
