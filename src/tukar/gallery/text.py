"""Numbers, dates and names as people read them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

_BYTES: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_COUNTS: Final = ("", "K", "M", "B", "T", "Q")
_SPACE: Final = "\N{NO-BREAK SPACE}"
# Control, format (which holds what turns the direction of writing), surrogate, private use, line and paragraph ends.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def size(nbytes: int) -> str:
    """Bytes with three digits, in powers of 1,000: ``90.9 MB``."""
    return _scaled(nbytes, _BYTES)


def count(number: int) -> str:
    """A large number with three digits: ``22.7 M``. ``B`` is 10^9, as the field writes it."""
    return _scaled(number, _COUNTS)


def number(value: int) -> str:
    """A whole number in full: ``22,713,728``."""
    return f"{value:,}"


def date(seconds: float) -> str:
    """The day, in UTC: ``2026-07-31``."""
    return _time(seconds).strftime("%Y-%m-%d")


def moment(seconds: float) -> str:
    """Day and time, for programs: ``2026-07-31T12:00:00Z``."""
    return _time(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def until(seconds: float) -> str:
    """Day and time as people read them, in UTC: ``2026-07-31 12:00``."""
    return _time(seconds).strftime("%Y-%m-%d %H:%M")


def shape(dimensions: tuple[int, ...]) -> str:
    """A tensor's shape: ``30522 × 384``; empty for a scalar."""
    return " × ".join(str(dimension) for dimension in dimensions)


def plain(text: str, limit: int = 200) -> str:
    """A name that shows what it is: cut at ``limit`` characters, and what cannot be seen written out (``\\u202e``)."""
    shown = "".join(_visible(char) for char in text[:limit])
    return f"{shown}…" if len(text) > limit else shown


def words(text: str, limit: int = 4000) -> str:
    """What somebody wrote in lines, as `plain` shows each."""
    shown = [plain(line, limit) for line in text[:limit].splitlines()]
    return "\n".join(shown) + ("…" if len(text) > limit else "")


def _visible(char: str) -> str:
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _INVISIBLE else char


def _scaled(number: int, units: tuple[str, ...]) -> str:
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    decimals = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{decimals}f}{_SPACE}{units[unit]}".rstrip()


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
