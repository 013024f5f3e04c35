"""Reading: stored blocks to raw bytes. Nothing leaves here that does not match its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

from tukar.codecs.base import Buffer
from tukar.database import Database
from tukar.errors import Corrupt, NotFound
from tukar.objects.ahead import ReadAhead
from tukar.objects.blocks import decode_block
from tukar.objects.cache import BlockCache
from tukar.objects.index import Location, StoredFile, StoredPart, find_file, parts_between
from tukar.objects.packs import Block, key
from tukar.storage.base import Storage

_RUN: Final = 1 << 20  # raw bytes fetched at a time
_SMALL: Final = 64 << 10  # what is shorter is handed out with what follows: whoever takes it may pay for each piece
_PARTS: Final = 256  # parts looked up at a time: a mixture-of-experts has 100,000

_CHECK: Final = "run `tukar check`"

Pieces = Iterator[Buffer]

Look = Callable[[int, int], Sequence[StoredPart]]
"""Gives the first parts of a file that overlap the bytes from a start to a stop, as they are stored now."""


class PackGone(Exception):
    """A pack is not there any more."""

    def __init__(self, pack_id: str) -> None:
        super().__init__(pack_id)
        self.pack_id = pack_id


@dataclass(frozen=True, slots=True)
class Blocks:
    """Reads objects block by block, and what decoding them takes."""

    storage: Storage
    cache: BlockCache | None = None

    def decode(self, location: Location, block: Block, stored: Buffer) -> Buffer:
        """The raw bytes of a block whose stored bytes are at hand; Corrupt if it is not as it was stored."""

        def base(index: int, start: int, stop: int) -> Buffer:
            return self.read(location.bases[index], start, stop)

        return decode_block(location.record, block, stored, base)

    def read(self, location: Location, start: int, stop: int) -> Buffer:
        """Raw bytes of an object: of whole blocks, which is what most codecs want of a base, without a copy."""
        pieces = []
        for block in location.record.blocks(start, stop):
            raw = self.block(location, block)
            inside = max(start - block.raw_start, 0), min(stop - block.raw_start, block.raw_size)
            pieces.append(memoryview(raw)[slice(*inside)])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def block(self, location: Location, block: Block) -> Buffer:
        """The raw bytes of a block, which are kept in the cache."""
        raw = None if self.cache is None else self.cache.get(block.raw_digest)
        if raw is None:
            stored = self.fetch(location.pack_id, block.start, block.stop)
            raw = bytes(self.decode(location, block, stored))
            if self.cache is not None:
                self.cache.put(block.raw_digest, raw)
        return raw

    def fetch(self, pack_id: str, start: int, stop: int) -> bytes:
        """Bytes of a pack; PackGone if it is not there any more."""
        try:
            return self.storage.read(key(pack_id), start, stop)
        except NotFound:
            raise PackGone(pack_id) from None


class ObjectSource:
    """The raw bytes of a stored object, as a byte source. Safe to use from several threads.

    Args:
        locate: where the object and its bases are now; asked again when a pack turns out to be gone.

    Attributes:
        location: where they were when it was asked last.
    """

    def __init__(self, blocks: Blocks, locate: Callable[[], Location]) -> None:
        self._blocks, self._locate = blocks, locate
        self.location = locate()
        self.size = self.location.record.size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        return bytes(self._again(lambda location: self._blocks.read(location, start, stop)))

    def decode(self, block: Block, stored: Buffer) -> Buffer:
        """The raw bytes of a block of which the stored ones are at hand."""
        return self._again(lambda location: self._blocks.decode(location, block, stored))

    def _again(self, read: Callable[[Location], Buffer]) -> Buffer:
        gone: set[str] = set()
        while True:
            try:
                return read(self.location)
            except PackGone as error:
                if error.pack_id in gone:
                    raise Corrupt(f"pack {error.pack_id} is missing", hint=_CHECK) from None
                gone.add(error.pack_id)
                self.location = self._locate()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The raw bytes ``start`` to ``stop`` of a block."""

    location: Location
    block: Block
    start: int
    stop: int

    @property
    def is_encoded(self) -> bool:
        """Whether it has to be decoded."""
        return self.block.stored_size != self.block.raw_size

    @property
    def is_partial(self) -> bool:
        """Whether somebody may want the rest of the block soon."""
        return self.stop - self.start < self.block.raw_size


def stream(blocks: Blocks, look: Look, start: int, stop: int) -> Pieces:
    """The bytes ``start`` to ``stop`` of a file in order, in pieces of about a MiB, each verified.

    ``look`` is asked again when a pack turns out to be gone: its content was moved to another while we read.
    Corrupt if a piece does not match its digest, or a pack is missing; whatever ``look`` raises.
    """
    gone: set[str] = set()
    while start < stop:
        wanted = _wanted(look(start, stop), start, stop)
        try:
            for piece in _pieces(blocks, wanted):
                yield piece
                start += len(piece)
        except PackGone as error:
            if error.pack_id in gone:
                raise Corrupt(f"pack {error.pack_id} is missing", hint=_CHECK) from None
            gone.add(error.pack_id)


def read_object(storage: Storage, location: Location) -> bytes:
    """All raw bytes of a small object; NotFound if its pack is not there any more."""
    whole = [StoredPart(0, location.record.size, location)]
    try:
        return b"".join(_pieces(Blocks(storage), _wanted(whole, 0, location.record.size)))
    except PackGone as error:
        raise NotFound(f"no pack {error.pack_id} in the storage") from None


def _wanted(found: Sequence[StoredPart], start: int, stop: int) -> Iterator[_Wanted]:
    if not found:
        raise Corrupt(f"the index has no part at byte {start}", hint=_CHECK)
    for part in found:
        end, record = part.start + part.length, part.location.record
        if not part.start <= start < end or part.length != record.size:
            raise Corrupt(f"the index has a wrong part at byte {start}", hint=_CHECK)
        low, high = start - part.start, min(stop, end) - part.start
        for block in record.blocks(low, high):
            inside = max(low - block.raw_start, 0), min(high - block.raw_start, block.raw_size)
            yield _Wanted(part.location, block, *inside)
        start = end


def _pieces(blocks: Blocks, wanted: Iterable[_Wanted]) -> Pieces:
    """Small pieces are handed out together."""
    small: list[Buffer] = []
    size = 0
    for piece in chain.from_iterable(_in_order(blocks, _runs(wanted))):
        small.append(piece)
        size += len(piece)
        if size >= _SMALL:
            yield b"".join(small) if len(small) > 1 else piece
            small, size = [], 0
    if small:
        yield b"".join(small)


def _in_order(blocks: Blocks, runs: Iterable[list[_Wanted]]) -> Iterator[Sequence[Buffer]]:
    """Runs as they are read: those that have to be decoded on all cores, ahead of who takes them."""
    is_first = True  # that has to be decoded: often it is the only one, and not worth a thread
    with ReadAhead(partial(_read, blocks)) as ahead:
        for run in runs:
            is_encoded = any(item.is_encoded for item in run)
            if not ahead and (is_first or not is_encoded):
                is_first = is_first and not is_encoded
                yield _read(blocks, run)
                continue
            while not ahead.begin(run):
                yield ahead.take()
        while ahead:
            yield ahead.take()


def _runs(wanted: Iterable[_Wanted]) -> Iterator[list[_Wanted]]:
    """Blocks that lie side by side are fetched together; one that is wanted in part, by itself."""
    run: list[_Wanted] = []
    size = 0
    for item in wanted:
        # Bounded by raw bytes, which are never fewer than the stored ones.
        if run and (size + item.block.raw_size > _RUN or not _adjacent(run[-1], item)):
            yield run
            run, size = [], 0
        run.append(item)
        size += item.block.raw_size
    if run:
        yield run


def _adjacent(before: _Wanted, item: _Wanted) -> bool:
    side_by_side = before.block.stop == item.block.start and before.location.pack_id == item.location.pack_id
    return side_by_side and not before.is_partial and not item.is_partial


def _read(blocks: Blocks, run: Sequence[_Wanted]) -> Sequence[Buffer]:
    if blocks.cache is not None and run[0].is_partial:
        item = run[0]
        return [memoryview(blocks.block(item.location, item.block))[item.start : item.stop]]
    first = run[0].block.start
    data = memoryview(blocks.fetch(run[0].location.pack_id, first, run[-1].block.stop))
    as_stored = True
    pieces = []
    for item in run:
        stored = data[item.block.start - first : item.block.stop - first]
        raw = blocks.decode(item.location, item.block, stored)
        as_stored = as_stored and raw is stored
        pieces.append(raw[item.start : item.stop])
    # Only the first and the last block of all that is wanted are wanted in part, so these pieces lie side by side too.
    return [data[run[0].start : run[-1].block.start - first + run[-1].stop]] if as_stored else pieces


class FileReader:
    """A stored file as a byte source. Safe to use from several threads."""

    def __init__(self, database: Database, storage: Storage, cache: BlockCache, file: StoredFile) -> None:
        self._database, self._blocks = database, Blocks(storage, cache)
        self.file = file

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.file.size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        return b"".join(self.stream(start, stop))

    def stream(self, start: int = 0, stop: int | None = None) -> Pieces:
        """The bytes from ``start`` to ``stop`` in order, in pieces of about a MiB at most, each verified.

        Corrupt if a piece does not match its digest; NotFound if the file was freed while it was read.
        """
        stop = self.size if stop is None else stop
        return stream(self._blocks, self._parts, start, stop)

    def _parts(self, start: int, stop: int) -> list[StoredPart]:
        with self._database.read() as tx:
            found = parts_between(tx, self.file.id, start, stop, _PARTS)
            freed = not found and find_file(tx, self.file.sha256) != self.file
        if freed:
            raise NotFound(f"the file {self.file.sha256} was freed while it was read")
        return found
