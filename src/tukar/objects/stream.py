"""Objects in their stored form, one after another: what travels between two stores (docs/format/stream.md).

A frame is an object's record as in a pack's footer, with its meta and its table of blocks, and then its stored bytes.
The record's offset says at which of the stored bytes the frame begins: 0, or where an earlier stream ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from tukar.errors import Corrupt, NotFound, Unavailable
from tukar.objects.encoding import LARGE, decoded, encoded_alone
from tukar.objects.packs import MAX_FOOTER, RECORD, Block, Fixed, Location, Record, key
from tukar.objects.reading import Blocks, ObjectSource
from tukar.storage.base import Storage
from tukar.types import Digest

MAX_SIZE: Final = 64 << 30
"""Raw bytes of the largest object that is taken in: no tensor is so large, and other content is cut into less."""

_GATHER: Final = 64 << 10  # what is shorter travels with what follows
_TABLE: Final = 1 << 20  # bytes of a table that any object may have; with blocks of a MiB, that is enough for 15 GiB
_TABLE_SHARE: Final = 13  # beyond, one byte for 2^13 raw ones: twice what blocks of a MiB take


class NotAsAnnounced(Corrupt):
    """What arrived is not what it should be: the sender is at fault, or the line, and not this store."""


class Incomplete(Unavailable):
    """A stream ended before its last object did: what came is kept, and the rest can be asked for."""

    def __init__(self) -> None:
        super().__init__("the stream of objects ended within an object", hint="try again: it goes on where it stopped")


Locate = Callable[[Digest], Location]
"""Where an object is stored now; NotFound if it is not stored."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream that was cut goes on: at a stored byte of its first object, if that still has this record."""

    record: Digest
    stored: int


def header(record: Record, start: int = 0) -> bytes:
    """The first bytes of a frame; ``start`` is the stored byte that follows them."""
    return record.header(start)


def name(record: Record) -> Digest:
    """What tells one encoding of an object from another: the digest of its frame's header."""
    return Digest.of(header(record))


def send(
    blocks: Blocks,
    locate: Locate,
    wanted: Iterable[Digest],
    start: Start | None = None,
    differences: Mapping[Digest, tuple[Digest, ...]] = MappingProxyType({}),
) -> Iterator[bytes]:
    """The frames of the wanted objects, in pieces of about a block, each block compared with its digest.

    What is stored as a difference is sent by itself unless it is among ``differences``, to these very bases: whoever
    gets it may not have others, nor know that they are here.

    NotFound where an object is not stored; Corrupt where one is damaged.
    """
    return gathered(_frames(blocks, locate, wanted, start, differences))


def _frames(
    blocks: Blocks,
    locate: Locate,
    wanted: Iterable[Digest],
    start: Start | None,
    differences: Mapping[Digest, tuple[Digest, ...]],
) -> Iterator[bytes]:
    for digest in wanted:
        location = locate(digest)
        if location.record.bases and location.record.bases != differences.get(digest):
            yield from _alone(blocks, locate, location, start)
        else:
            at = skipped(location.record, start)
            yield header(location.record, at)
            yield from _stored(blocks.storage, locate, location, at)
        start = None


def _alone(blocks: Blocks, locate: Locate, location: Location, start: Start | None) -> Iterator[bytes]:
    """The frame of an object that is decoded, and encoded by itself; always in the same way, so that it can go on."""
    digest, at_hand = location.record.digest, [location]
    source = ObjectSource(blocks, lambda: at_hand.pop() if at_hand else locate(digest))
    if location.record.size > LARGE:
        yield from _decoded(location.record, source, start)
        return
    record, stored = encoded_alone(location.record, source)
    at = skipped(record, start)
    yield header(record, at)
    sent = 0
    for block in stored:
        if sent + len(block) > at:
            yield bytes(block[max(0, at - sent) :])
        sent += len(block)


def _decoded(stored: Record, source: ObjectSource, start: Start | None) -> Iterator[bytes]:
    """The frame of a large object that is only decoded, from where it goes on."""
    record = decoded(stored)
    at = skipped(record, start)
    yield header(record, at)
    for block in record.blocks(at):
        yield source.read(max(at, block.raw_start), block.raw_start + block.raw_size)


def skipped(record: Record, start: Start | None) -> int:
    """The stored bytes of a stream's first object that need not be sent: none, if it is stored in another form now."""
    return min(start.stored, record.stored_size) if start is not None and start.record == name(record) else 0


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes; what is short travels with what follows: whoever takes a piece may pay for each."""
    short = bytearray()
    for piece in pieces:
        if len(short) + len(piece) > _GATHER:
            if short:
                yield bytes(short)
                short.clear()
            if len(piece) >= _GATHER:
                yield piece
                continue
        short += piece
    if short:
        yield bytes(short)


def _stored(storage: Storage, locate: Locate, location: Location, start: int) -> Iterator[bytes]:
    """The stored bytes of an object from ``start`` on, block by block."""
    record = placed(location.record, 0)
    for block in record.blocks():
        if block.stop <= start or not block.stored_size:
            continue
        try:
            data = _read(storage, location, block)
        except NotFound:  # compaction moved it, as it is stored, while we sent
            location = locate(record.digest)
            if placed(location.record, 0) != record:
                raise NotFound(f"object {record.digest} was encoded anew while it was sent") from None
            data = _read(storage, location, block)
        if Digest.of(data) != block.stored_digest:
            raise Corrupt(f"object {record.digest}: a stored block does not match its digest", hint="run `tukar check`")
        yield data[max(0, start - block.start) :]


def _read(storage: Storage, location: Location, block: Block) -> bytes:
    offset = location.record.offset
    return storage.read(key(location.pack_id), offset + block.start, offset + block.stop)


class Input:
    """Bytes that come in pieces of any length, taken in the lengths that are wanted."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def some(self, limit: int) -> memoryview:
        """At least one byte and at most ``limit``; nothing at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return self._rest
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:limit], self._rest[limit:]
        return taken

    def exactly(self, size: int) -> bytes:
        """That many bytes; fewer only at the end."""
        taken = bytearray()
        while len(taken) < size:
            piece = self.some(size - len(taken))
            if not piece:
                break
            taken += piece
        return bytes(taken)


def read_header(source: Input) -> tuple[Record, int] | None:
    """The record of the frame that begins here, with offset 0, and the stored byte that follows it; None at the end.

    Corrupt if it is not well-formed or out of proportion, or the end comes within it.
    """
    fixed = source.exactly(RECORD.size)
    if not fixed:
        return None
    if len(fixed) < RECORD.size:
        raise Corrupt("a stream of objects ends within a frame")
    begun = Fixed.read(fixed)
    if begun.size > MAX_SIZE or begun.table_size > min(MAX_FOOTER, max(_TABLE, begun.size >> _TABLE_SHARE)):
        raise Corrupt(f"an object of {begun.size} bytes in {begun.blocks} blocks is more than is taken in")
    rest = source.exactly(begun.rest)
    if len(rest) < begun.rest:
        raise Corrupt("a stream of objects ends within a frame")
    record = begun.record(rest, 0)
    if begun.offset > record.stored_size:
        raise Corrupt("a frame in a stream of objects begins after its end")
    return record, begun.offset


def placed(record: Record, offset: int) -> Record:
    """The record with its stored bytes elsewhere."""
    return replace(record, offset=offset)
