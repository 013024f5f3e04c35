"""Reading: stored blocks to raw bytes. Nothing leaves here that does not match its digest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

from tukar import codecs
from tukar.database import Database
from tukar.errors import Corrupt, NotFound
from tukar.objects.index import Location, StoredFile, StoredPart, locate, parts_between
from tukar.objects.packs import Block, Record, key
from tukar.storage.base import Storage
from tukar.types import Digest

_RUN: Final = 1 << 20  # stored bytes fetched at a time, and held by each reader
_PARTS: Final = 256  # parts looked up at a time: a mixture-of-experts has 100,000


class BlockCache:
    """The decoded blocks that were wanted last, so that many small ranges of one block decode it once.

    ``capacity`` is in bytes. Whole blocks that are read in passing are not kept: a long download would flush it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._size = capacity, 0
        self._blocks: OrderedDict[tuple[Digest, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: Digest, index: int) -> bytes | None:
        """A block that is at hand."""
        with self._lock:
            data = self._blocks.get((digest, index))
            if data is not None:
                self._blocks.move_to_end((digest, index))
            return data

    def put(self, digest: Digest, index: int, data: bytes) -> None:
        """Keep a block; those that were not wanted for longest make room."""
        with self._lock:
            if (digest, index) in self._blocks or len(data) > self._capacity:
                return
            self._blocks[digest, index] = data
            self._size += len(data)
            while self._size > self._capacity:
                _, dropped = self._blocks.popitem(last=False)
                self._size -= len(dropped)


def decode_block(record: Record, block: Block, stored: bytes | memoryview) -> bytes | memoryview:
    """The raw bytes of a block; Corrupt if they are not what was stored."""
    raw: bytes | memoryview = stored
    if len(stored) != block.raw_size:
        raw = codecs.codec(record.codec).decode(record.meta, bytes(stored), block.raw_size, ())
    if Digest.of(raw) != block.raw_digest:
        raise Corrupt(f"object {record.digest}: a block does not match its digest", hint="run `tukar check`")
    return raw


def read_object(
    storage: Storage, cache: BlockCache, location: Location, start: int, stop: int
) -> Iterator[bytes | memoryview]:
    """The raw bytes ``start`` to ``stop`` of an object, in order, in pieces of at most a block."""
    record = location.record
    first = start // record.block_size
    wanted = record.blocks(start, stop)
    if len(wanted) <= 2 and stop - start < record.block_size:
        yield from _read_cached(storage, cache, location, wanted, first, start, stop)
        return
    at = first * record.block_size
    for run in _runs(wanted):
        data = memoryview(storage.read(key(location.pack_id), run[0].start, run[-1].start + run[-1].stored_size))
        for block in run:
            stored = data[block.start - run[0].start :][: block.stored_size]
            raw = decode_block(record, block, stored)
            yield raw[max(start - at, 0) : stop - at]
            at += block.raw_size


def _read_cached(
    storage: Storage, cache: BlockCache, location: Location, wanted: Sequence[Block], first: int, start: int, stop: int
) -> Iterator[bytes | memoryview]:
    record = location.record
    for index, block in enumerate(wanted, first):
        raw = cache.get(record.digest, index)
        if raw is None:
            stored = storage.read(key(location.pack_id), block.start, block.start + block.stored_size)
            raw = bytes(decode_block(record, block, stored))
            cache.put(record.digest, index, raw)
        at = index * record.block_size
        yield memoryview(raw)[max(start - at, 0) : stop - at]


def _runs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    run: list[Block] = []
    size = 0
    for block in blocks:
        if run and size + block.stored_size > _RUN:
            yield run
            run, size = [], 0
        run.append(block)
        size += block.stored_size
    if run:
        yield run


class FileReader:
    """A stored file as a byte source. Safe to use from several threads."""

    def __init__(self, database: Database, storage: Storage, cache: BlockCache, file: StoredFile) -> None:
        self._database, self._storage, self._cache = database, storage, cache
        self.file = file

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.file.size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        return b"".join(self.stream(start, stop))

    def stream(self, start: int = 0, stop: int | None = None) -> Iterator[bytes | memoryview]:
        """The bytes from ``start`` to ``stop`` in order, in pieces of at most a block, each verified.

        Corrupt if a piece does not match its digest; NotFound if the file was freed while it was read.
        """
        stop = self.size if stop is None else stop
        while start < stop:
            found = self._parts(start, stop)
            for part in found:
                end = min(stop, part.start + part.length)
                yield from self._part(part, start, end)
                start = end

    def _parts(self, start: int, stop: int) -> list[StoredPart]:
        with self._database.read() as tx:
            found = parts_between(tx, self.file.id, start, stop, _PARTS)
        if not found:
            raise NotFound(f"the file {self.file.sha256} was freed while it was read")
        return found

    def _part(self, part: StoredPart, start: int, stop: int) -> Iterator[bytes | memoryview]:
        at = start
        try:
            for piece in self._object(part.location, at - part.start, stop - part.start):
                yield piece
                at += len(piece)
        except NotFound:
            # Its pack was rewritten while we read: the object lies elsewhere now.
            moved = self._relocate(part.location)
            yield from self._object(moved, at - part.start, stop - part.start)

    def _object(self, location: Location, start: int, stop: int) -> Iterator[bytes | memoryview]:
        return read_object(self._storage, self._cache, location, start, stop)

    def _relocate(self, old: Location) -> Location:
        with self._database.read() as tx:
            found = locate(tx, [old.record.digest]).get(old.record.digest)
        if found is None:
            raise NotFound(f"the file {self.file.sha256} was freed while it was read")
        return found
