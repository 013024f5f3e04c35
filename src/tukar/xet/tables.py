"""What one has to know of a xorb to verify it and to serve it: its chunks' hashes and raw lengths.

Tukar does not keep a xorb as it came. It serves a *view* of the raw bytes in which every chunk is serialised without
compression: an 8-byte header and then the chunk, one after the other. The table computes where what lies in that view.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, Self

from tukar.errors import Corrupt, Invalid
from tukar.xet.chunks import HEADER_BYTES, MAX_CHUNK_BYTES, NONE, ChunkHeader
from tukar.xet.hashes import XetHash, xorb_hash

MAX_XORB_CHUNKS: Final = 8 * 1024
"""No xorb has more chunks than this; as in xet-core."""

_HEAD: Final = struct.Struct("<32sI")  # hash of the xorb, number of chunks
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a xorb's view: ``head``, then the xorb's raw bytes ``start`` to ``stop``; either may be empty."""

    head: bytes
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class XorbTable:
    """The chunks of a xorb, in order; about 40 bytes of memory a chunk.

    Attributes:
        hash: the xorb's hash. ``of`` computes it; in a table that was parsed it is what was written there.
        hashes: the chunks' hashes, 32 bytes each.
        offsets: where each chunk begins in the xorb's raw bytes, and after them all where the last one ends.
    """

    hash: XetHash
    hashes: bytes
    offsets: array[int]

    @classmethod
    def of(cls, chunks: Iterable[tuple[XetHash, int]]) -> Self:
        """The table of these chunks, given as hash and raw length, under the hash that they amount to."""
        kept = list(chunks)
        return cls.claimed(xorb_hash(kept), b"".join(hash_ for hash_, _ in kept), [length for _, length in kept])

    @classmethod
    def claimed(cls, hash: XetHash, hashes: bytes, lengths: Iterable[int]) -> Self:  # noqa: A002
        """A table as someone else states it: ``hash`` is not computed. Invalid outside the protocol's limits."""
        kept = array("I", lengths)
        if not 0 < len(kept) <= MAX_XORB_CHUNKS or len(hashes) != _HASH_BYTES * len(kept):
            raise Invalid(f"a xorb has 1 to {MAX_XORB_CHUNKS} chunks, not {len(kept)}")
        if min(kept) == 0 or max(kept) > MAX_CHUNK_BYTES:
            raise Invalid(f"xorb {hash} has a chunk of {min(kept)} or {max(kept)} bytes, outside the protocol's limits")
        return cls(hash, hashes, array("I", accumulate(kept, initial=0)))

    def __hash__(self) -> int:
        return hash(self.hash)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def computed_hash(self) -> XetHash:
        """The hash that the chunks amount to: equal to ``hash`` if the table is true."""
        return xorb_hash(self.chunks())

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[tuple[XetHash, int]]:
        """Hash and raw length of the chunks ``start`` to ``end`` (exclusive; default: all)."""
        stop = len(self) if end is None else end
        for index, (low, high) in enumerate(pairwise(self.offsets[start : stop + 1]), start):
            yield XetHash(self.hashes[_HASH_BYTES * index : _HASH_BYTES * (index + 1)]), high - low

    def hash_bytes(self, start: int, end: int) -> bytes:
        """The hashes of the chunks ``start`` to ``end`` (exclusive), one after the other."""
        return self.hashes[_HASH_BYTES * start : _HASH_BYTES * end]

    @property
    def raw_size(self) -> int:
        """How many raw bytes the chunks have in all."""
        return self.offsets[-1]

    @property
    def size(self) -> int:
        """How many bytes the view has."""
        return self.offset(len(self))

    def offset(self, index: int) -> int:
        """Where the chunk ``index`` begins in the view; for ``len(self)``, where the view ends."""
        return self.offsets[index] + HEADER_BYTES * index

    def touched(self, start: int, stop: int) -> range:
        """The chunks that the bytes ``start`` to ``stop`` (exclusive) of the view belong to; Invalid outside it."""
        if not 0 <= start < stop <= self.size:
            raise Invalid(f"no bytes {start} to {stop} in a view of {self.size} bytes")
        indexes = range(len(self) + 1)
        return range(
            bisect_right(indexes, start, key=self.offset) - 1,
            bisect_left(indexes, stop, key=self.offset),
        )

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        """The bytes ``start`` to ``stop`` of the view, one piece for each chunk touched; Invalid outside the view."""
        for index in self.touched(start, stop):
            low, high = self.offsets[index], self.offsets[index + 1]
            body = self.offset(index) + HEADER_BYTES  # of the chunk, in the view
            header = ChunkHeader(NONE, high - low, high - low).to_bytes()
            head = header[max(0, start - body + HEADER_BYTES) : max(0, stop - body + HEADER_BYTES)]
            yield Piece(head, low + max(0, start - body), low + min(max(0, stop - body), high - low))

    def to_bytes(self) -> bytes:
        """The table in 36 bytes and 36 more a chunk: hash, count, raw lengths (32-bit little-endian), hashes."""
        lengths = array("I", (high - low for low, high in pairwise(self.offsets)))
        return _HEAD.pack(self.hash, len(self)) + _little_endian(lengths).tobytes() + self.hashes

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What ``to_bytes`` wrote; Corrupt if it is not well-formed."""
        if len(data) < _HEAD.size:
            raise Corrupt("a xorb's table is cut off")
        raw, count = _HEAD.unpack_from(data)
        middle = _HEAD.size + 4 * count
        if len(data) != middle + _HASH_BYTES * count:
            raise Corrupt(f"the table of xorb {XetHash(raw)} has another length than its {count} chunks take")
        lengths = _little_endian(array("I", data[_HEAD.size : middle]))
        try:
            return cls.claimed(XetHash(raw), data[middle:], lengths)
        except Invalid as error:
            raise Corrupt(f"the table of xorb {XetHash(raw)} is malformed: {error}") from error


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
