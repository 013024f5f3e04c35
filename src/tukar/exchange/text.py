"""Text that came from elsewhere, made fit to be stored, signed, and shown on a page or a terminal."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal or a page would obey and not show: controls, and what turns the direction of text; and halves of
surrogate pairs, which are no text."""
_LAYOUT: Final = str.maketrans("\n\r\t", "   ")


def is_line(text: str) -> bool:
    """Whether text can be shown in one line as it is."""
    return _CONTROLS.search(text) is None


def is_words(text: str) -> bool:
    """Whether text can be shown as it is, in several lines."""
    return is_line(text.translate(_LAYOUT))


def line(text: str, most: int = 2000) -> str:
    """Text as one line of at most ``most`` characters, with a space in the place of what cannot be shown."""
    return _CONTROLS.sub(" ", text[:most])


def words(text: str, most: int = 4000) -> str:
    """The same in several lines, as people wrote it."""
    return "\n".join(line(each, most) for each in text[:most].splitlines())
