"""Long lists, a bounded run at a time: databases limit how many values a statement may carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")

CHUNK: Final = 500


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in order, in lists of at most ``CHUNK``."""
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
