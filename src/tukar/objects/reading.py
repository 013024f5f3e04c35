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
            end = min(stop, found[-1].start + found[-1].length)
            yield from read_parts(self._database, self._storage, self._cache, found, start, end)
            start = end

    def _parts(self, start: int, stop: int) -> list[StoredPart]:
        with self._database.read() as tx:
            found = parts_between(tx, self.file.id, start, stop, _PARTS)
        if not found:
            raise NotFound(f"the file {self.file.sha256} was freed while it was read")
        return found


def read_parts(
    database: Database, storage: Storage, cache: BlockCache, parts: Sequence[StoredPart], start: int, stop: int
) -> Iterator[bytes | memoryview]:
    """The bytes ``start`` to ``stop`` of a file from its parts, which cover them, in pieces of at most a block.

    Small parts that lie side by side in a pack are read at once. Corrupt and NotFound as ``FileReader.stream`` says.
    """
    for run in _neighbours(parts, start, stop):
        data = _read_whole(storage, run) if len(run) > 1 else None
        if data is not None:
            yield data
            continue
        for part in run:
            yield from _read_part(database, storage, cache, part, start, stop)


def _neighbours(parts: Sequence[StoredPart], start: int, stop: int) -> Iterator[list[StoredPart]]:
    """The parts in runs: of parts of one block, wanted whole, each stored right behind the one before."""
    run: list[StoredPart] = []
    end, size = -1, 0  # where the next one must lie in the pack, and raw bytes so far
    for part in parts:
        record = part.location.record
        single = record.size <= record.block_size and start <= part.start and part.start + part.length <= stop
        follows = run and single and record.offset == end and part.location.pack_id == run[0].location.pack_id
        if not follows or size + record.size > _RUN:
            if run:
                yield run
            run, size = [], 0
        run.append(part)
        end, size = record.offset + record.stored_size if single else -1, size + record.size
    if run:
        yield run


def _read_whole(storage: Storage, run: Sequence[StoredPart]) -> bytes | None:
    """All bytes of parts that lie side by side; None if their pack is gone."""
    records = [part.location.record for part in run]
    start, stop = records[0].offset, records[-1].offset + records[-1].stored_size
    try:
        data = memoryview(storage.read(key(run[0].location.pack_id), start, stop))
    except NotFound:
        return None
    blocks = ((record, block) for record in records for block in record.blocks())
    return b"".join(
        decode_block(record, block, data[block.start - start :][: block.stored_size]) for record, block in blocks
    )


def _read_part(
    database: Database, storage: Storage, cache: BlockCache, part: StoredPart, start: int, stop: int
) -> Iterator[bytes | memoryview]:
    location, at = part.location, max(start, part.start)
    end = min(stop, part.start + part.length)
    while at < end:
        try:
            for piece in read_object(storage, cache, location, at - part.start, end - part.start):
                yield piece
                at += len(piece)
        except NotFound:
            location = _relocate(database, location)


def _relocate(database: Database, old: Location) -> Location:
    """Where an object lies now whose pack was not there."""
    with database.read() as tx:
        found = locate(tx, [old.record.digest]).get(old.record.digest)
    if found is None:
        raise NotFound(f"object {old.record.digest} was freed while it was read")
    if found.pack_id == old.pack_id:
        raise Corrupt(f"pack {old.pack_id} is missing from the storage", hint="run `tukar check`")
    return found
