"""The codec seam: tensor bytes to stored blocks and back. Codecs are pure: they never fetch.

A tensor object is cut into blocks of ``block_size`` raw bytes (the last may be shorter), each encoded by itself, so
that a range can be read without decoding the rest. A codec that needs other objects (``bases``) to decode a block says
which ranges in ``needs``; the caller fetches them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | memoryview
"""Bytes; of a memoryview, contiguous ones."""


class Source(Protocol):
    """Random access to the raw bytes of a tensor, as ``tukar.types.ByteSource``, or without a copy of what is held."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, start: int, stop: int) -> Buffer:
        """The bytes ``start`` (inclusive) to ``stop`` (exclusive), all of them; ``0 <= start <= stop <= size``."""


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor to encode: its raw bytes and what they mean (dtype ``None`` where that is not known)."""

    data: Source
    dtype: str | None = None
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """A byte range of one of the bases: ``bases[base][start:stop]``."""

    base: int
    start: int
    stop: int


class Codec(Protocol):
    """One technique. ``id`` is the number written in the byte format (docs/format) and never changes its meaning."""

    id: int
    name: str

    def encode(self, tensor: TensorView, bases: Sequence[Source], block_size: int) -> tuple[bytes, Iterator[bytes]]:
        """Encode a tensor.

        Returns ``(meta, blocks)``: ``meta`` is kept beside the object (at most 64 KiB) and handed back to ``needs`` and
        ``decode``; ``blocks`` yields one encoded block per ``block_size`` raw bytes, lazily, so that memory is bounded
        by blocks. A block that would not shrink is yielded as its raw bytes; the caller recognises it by its length.
        """

    def needs(self, meta: bytes, start: int, stop: int) -> Sequence[Need]:
        """The ranges of the bases that decoding the block of the raw bytes ``start`` to ``stop`` takes."""

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        """Decode the block of the ``size`` raw bytes from ``start`` on, with the ranges that ``needs`` named, in order.

        Corrupt if ``data`` is not a well-formed block of that size; memory is bounded by ``size``, whatever ``data``
        claims.
        """
