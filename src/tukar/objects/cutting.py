"""Where a file is cut into objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tukar import formats
from tukar.formats import Piece
from tukar.objects.stream import MAX_SIZE
from tukar.types import Layout

_OPAQUE: Final = 64 << 20  # bytes of a part that is no tensor: tables of blocks stay short, and packs near their size


def pieces(layout: Layout, size: int) -> Iterator[Piece]:
    """The pieces of a file of ``size`` bytes, each of which is to be an object, in file order and without gaps."""
    for run in formats.cut(layout, size):
        yield from _bounded(run)


def _bounded(piece: Piece) -> Iterator[Piece]:
    """The piece itself if it is a tensor or short; else it is cut further."""
    # No tensor is longer than that; what claims to be is stored like opaque content.
    if piece.stop - piece.start <= (MAX_SIZE if piece.tensor else _OPAQUE):
        yield piece
    else:
        for start in range(piece.start, piece.stop, _OPAQUE):
            yield Piece(start, min(start + _OPAQUE, piece.stop))
