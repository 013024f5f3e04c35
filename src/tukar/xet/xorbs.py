"""Uploaded xorbs: chunks in a row, read as a stream and verified.

A body is the chunks alone, or, from older clients, the chunks and a footer that repeats what can be computed from them;
the footer is ignored.

Source: the Xet protocol specification, "Xorb Formation & Serialization Format" (https://huggingface.co/docs/xet/xorb);
the limits are those of xet-core (xorb_object/constants.rs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from tukar.errors import Invalid
from tukar.xet.chunks import HEADER_BYTES, ChunkHeader, decompress
from tukar.xet.hashes import XetHash, chunk_hash
from tukar.xet.tables import MAX_XORB_CHUNKS, XorbTable

_FOOTER_IDENT: Final = b"XETBLOB"  # cannot begin a chunk, whose first byte is its version, 0
_FOOTER_BYTES: Final = 96  # at most, and 40 more a chunk

MAX_CHUNKS_BYTES: Final = 64 * 1024 * 1024 + HEADER_BYTES * MAX_XORB_CHUNKS
"""The chunks of a xorb take at most this much as serialised: 64 MiB of data, none of it compressed, with headers."""
MAX_BODY_BYTES: Final = MAX_CHUNKS_BYTES + _FOOTER_BYTES + 40 * MAX_XORB_CHUNKS
"""No uploaded body is larger than this."""


class Readable(Protocol):
    """A stream of bytes: an open file, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes, fewer only where no more are there at the moment; none at the end."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a xorb: its index, its hash as computed, and its raw bytes."""

    index: int
    hash: XetHash
    data: bytes | bytearray


def read_chunks(body: Readable) -> Iterator[Chunk]:
    """The chunks of an uploaded xorb, one in memory at a time.

    Invalid if the body is not well-formed, has no chunks, or goes beyond the protocol's limits: 8,192 chunks of at most
    128 KiB, 64 MiB and their headers as serialised.
    """
    taken = index = 0
    while header := _next_header(body, index):
        taken += HEADER_BYTES + header.packed
        if index == MAX_XORB_CHUNKS or taken > MAX_CHUNKS_BYTES:
            raise Invalid(f"a xorb has at most {MAX_XORB_CHUNKS} chunks in {MAX_CHUNKS_BYTES} bytes; this one has more")
        packed = _read(body, header.packed)
        data = decompress(header, packed)
        yield Chunk(index, chunk_hash(data), data)
        index += 1
    if not index:
        raise Invalid("a xorb without chunks")


def read_xorb(body: Readable, claimed: XetHash, sink: Callable[[bytes | bytearray], object]) -> XorbTable:
    """Verify an uploaded xorb: the table of its chunks. Each chunk's raw bytes are handed to ``sink`` in order.

    Invalid as in ``read_chunks``, and if the chunks do not amount to the hash ``claimed``; ``sink`` has had them then.
    """
    found: list[tuple[XetHash, int]] = []
    for chunk in read_chunks(body):
        sink(chunk.data)
        found.append((chunk.hash, len(chunk.data)))
    table = XorbTable.of(found)
    if table.hash != claimed:
        raise Invalid(f"a xorb was announced as {claimed}, but its chunks amount to {table.hash}")
    return table


def _next_header(body: Readable, index: int) -> ChunkHeader | None:
    """The header of the next chunk, or None at the end or where the footer begins."""
    data = _read(body, HEADER_BYTES, or_nothing=True)
    if not data:
        return None
    if data.startswith(_FOOTER_IDENT) and index:
        _skip_footer(body, _FOOTER_BYTES + 40 * index - HEADER_BYTES)
        return None
    return ChunkHeader.parse(data)


def _skip_footer(body: Readable, limit: int) -> None:
    while data := body.read(limit + 1):
        limit -= len(data)
        if limit < 0:
            raise Invalid("a xorb's footer is larger than its chunks account for")


def _read(body: Readable, size: int, *, or_nothing: bool = False) -> bytes:
    """Exactly ``size`` bytes, or, if asked, none at all; Invalid if the body ends before."""
    data = body.read(size)
    while len(data) < size:
        more = body.read(size - len(data))
        if not more:
            if or_nothing and not data:
                return data
            raise Invalid(f"a xorb's body ends {size - len(data)} bytes too early")
        data += more
    return data
