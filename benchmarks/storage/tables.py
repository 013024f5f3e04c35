"""Markdown tables, and medians of what may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

NOTHING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is of names."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def middle(values: Iterable[float | None]) -> float | None:
    """The median of those that there are; None if there are none."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def percent(value: float | None, digits: int = 1) -> str:
    """A share, as per cent."""
    return NOTHING if value is None else f"{100 * value:.{digits}f}"


def ratio(value: float | None) -> str:
    """A ratio, with three digits behind the point."""
    return NOTHING if value is None else f"{value:.3f}"


def megabytes(value: float | None) -> str:
    """Bytes, or bytes a second."""
    return NOTHING if value is None else f"{value / 1e6:,.0f}" if value >= 1e7 else f"{value / 1e6:.1f}"
