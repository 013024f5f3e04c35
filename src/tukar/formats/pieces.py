"""A file as its pieces: the tensors, and the runs between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tukar.errors import Invalid
from tukar.types import Layout, TensorInfo


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes ``start`` to ``stop`` (exclusive) of a file: one tensor's, or no tensor's (header, padding, opaque)."""

    start: int
    stop: int
    tensor: TensorInfo | None = None


def cut(layout: Layout, size: int) -> Iterator[Piece]:
    """The pieces of a file of ``size`` bytes, in file order, without gaps and none of them empty.

    A tensor without bytes makes no piece. Invalid if the layout does not fit the size or its tensors overlap.
    """
    at = 0
    for tensor in layout.tensors:
        if not at <= tensor.start <= tensor.stop <= size:
            raise Invalid(f"tensor {tensor.name!r} at {tensor.start}–{tensor.stop} overlaps, or leaves {size} bytes")
        if not tensor.nbytes:
            continue
        if tensor.start > at:
            yield Piece(at, tensor.start)
        yield Piece(tensor.start, tensor.stop, tensor)
        at = tensor.stop
    if size > at:
        yield Piece(at, size)
