"""Objects that arrive from elsewhere, in their stored form, and go on arriving where they stopped.

What comes is appended to one file, as it comes, each block compared with its digests as soon as it is whole. Whole
objects are moved into packs, made known, and held for their owner, some tens of megabytes at a time; then the file
begins anew. It is not synced: after a restart it is read and compared again, and cut where it is not as it should be.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from tukar.database import Database
from tukar.errors import Corrupt, Unavailable
from tukar.objects import damage, holds, index, registration, stream
from tukar.objects.blocks import no_base
from tukar.objects.cache import BlockCache
from tukar.objects.packing import drop_packs
from tukar.objects.packs import Location, Record, read_footer
from tukar.objects.reading import Blocks, ObjectSource
from tukar.objects.stream import Incomplete as Incomplete
from tukar.objects.stream import Input, NotAsAnnounced, Start
from tukar.objects.verifier import Verifier
from tukar.objects.writing import MAX_RECORDS, PackWriter
from tukar.storage.base import Storage
from tukar.storage.oserrors import os_errors_unavailable
from tukar.types import Digest

_CACHE: Final = 4 << 20  # bytes of blocks of bases
_SEAL_BYTES: Final = 64 << 20
_PIECE: Final = 1 << 20
_UNKNOWN_SIZE: Final = 64 << 20  # of an object whose size nobody knows beforehand: a manifest of a million parts
_DOING: Final = "take in what arrives"


class BaseUnusable(Unavailable):
    """What an object is a difference to cannot be read here: no fault of who sends. It has to come by itself.

    Attributes:
        base: what cannot be read.
    """

    def __init__(self, base: Digest) -> None:
        super().__init__(f"object {base}, which others are differences to, cannot be read", hint="run `tukar check`")
        self.base = base


Progress = Callable[[int], None]
"""Called with the number of bytes that arrived since the last call."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A whole object in the file: where its stored bytes begin."""

    record: Record
    position: int


class Arrivals:
    """What arrives for one owner. For one thread at a time; Unavailable if the disk does not take it.

    Args:
        folder: the owner's own; made if it is missing.
        owner: for whom what arrived is held.
        now: seconds since the epoch, of the packs that are made.

    Attributes:
        taken: the objects that came whole since this was opened.
    """

    def __init__(self, database: Database, storage: Storage, folder: Path, owner: str, now: float) -> None:
        self._database, self._storage = database, storage
        self._owner, self._now = owner, now
        self._whole: list[_Arrived] = []
        self._partial: Verifier | None = None
        self.taken: set[Digest] = set()
        with os_errors_unavailable(_DOING):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / "stream", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = self._left = self._partial_at = 0
            self._recall()
            self._left = self._size  # by an earlier process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    @property
    def arrived(self) -> set[Digest]:
        """The objects that are in the file, whole."""
        return {item.record.digest for item in self._whole}

    @property
    def under_way(self) -> tuple[Digest, Start] | None:
        """The object that is here in part, and from where it is to go on."""
        if self._partial is None:
            return None
        return self._partial.record.digest, Start(stream.name(self._partial.record), self._partial.taken)

    def take(
        self,
        pieces: Iterable[bytes | memoryview],
        wanted: Mapping[Digest, int] | None,
        on_progress: Progress,
        differences: Mapping[Digest, tuple[Digest, ...]] = MappingProxyType({}),
    ) -> None:
        """Take a stream in until it ends.

        ``wanted`` are the objects that were asked for, with their raw sizes, 0 where it is not known; None if any may
        come. Those in ``differences`` may come as differences to these bases, which are held for the owner.

        What came before it ended, or before an error, stays. NotAsAnnounced if something comes that was not asked for,
        or is not what it should be; BaseUnusable if one of these bases cannot be read; whatever ``pieces`` raises.
        """
        source = Input(pieces)
        while self._take_one(source, wanted, on_progress, differences):
            if self._size >= _SEAL_BYTES or len(self._whole) >= MAX_RECORDS:
                self.seal()

    def _take_one(
        self,
        source: Input,
        wanted: Mapping[Digest, int] | None,
        on_progress: Progress,
        differences: Mapping[Digest, tuple[Digest, ...]],
    ) -> bool:
        """Take the next object in; False at the end."""
        try:
            begun = stream.read_header(source)
            if begun is None:
                return False
            record, start = begun
            # Or whoever sends could find out by differences what is here.
            if record.bases and record.bases != differences.get(record.digest):
                raise Corrupt(f"object {record.digest} arrived as a difference that was not asked for")
            if wanted is not None:
                _check_asked(record, wanted)
                if record.digest in self.taken:  # or the stream could go on for ever
                    raise Corrupt(f"object {record.digest} arrived twice")
            self._begin(record, start)
            on_progress(record.footer_size)
            self._receive(source, on_progress)
        except Corrupt as error:
            raise NotAsAnnounced(error.message) from error
        return True

    def _begin(self, record: Record, start: int) -> None:
        if self._partial is not None and start:
            if (record, start) != (self._partial.record, self._partial.taken):
                raise Corrupt(f"object {record.digest} goes on at byte {start}, which was not asked for")
            return
        if start:
            raise Corrupt(f"object {record.digest} begins at byte {start}, which was not asked for")
        self._drop_partial()
        verifier = self._verifier(record)
        self._write(stream.header(record))
        self._partial, self._partial_at = verifier, self._size

    def _receive(self, source: Input, on_progress: Progress) -> None:
        partial = self._partial
        assert partial is not None  # noqa: S101 - it was begun
        try:
            while not partial.is_whole:
                data = source.some(min(_PIECE, partial.record.stored_size - partial.taken))
                if not data:
                    raise Incomplete
                self._write(data)
                partial.take(data)
                on_progress(len(data))
            partial.end()
        except BaseUnusable:
            self._drop_partial()
            raise
        except Corrupt:
            self._go_back(partial)
            raise
        self._keep(partial)

    def _keep(self, whole: Verifier) -> None:
        self._whole.append(_Arrived(whole.record, self._size - whole.record.stored_size))
        self.taken.add(whole.record.digest)
        self._partial = None

    def _go_back(self, partial: Verifier) -> None:
        """Something is wrong. Incomplete if a crash had torn what was here: that comes again. Else the object goes."""
        good = self._partial_at + partial.taken
        if partial.is_whole or good >= self._left:
            self._drop_partial()
            return
        self._truncate(good)
        self._whole, self._partial = [], None
        self._recall()
        raise Incomplete from None

    def _verifier(self, record: Record) -> Verifier:
        """BaseUnusable if a base that it needs is not held for the owner any more; later, if it cannot be read."""
        blocks = Blocks(self._storage, BlockCache(_CACHE))
        sources = []
        for digest in record.bases:
            with _needed(digest):
                sources.append(ObjectSource(blocks, partial(self._locate, digest)))

        def read(base: int, start: int, stop: int) -> bytes:
            with _needed(record.bases[base]):
                return sources[base].read(start, stop)

        return Verifier(record, read if sources else no_base)

    def _locate(self, digest: Digest) -> Location:
        with self._database.read() as tx:
            found = holds.locations_of(tx, self._owner, [digest])
            if digest not in found:
                raise Corrupt(f"object {digest} is not held for {self._owner}")
            return index.with_bases(tx, [found[digest]])[0]

    def _drop_partial(self) -> None:
        if self._partial is not None:
            last = self._whole[-1] if self._whole else None
            self._truncate(last.position + last.record.stored_size if last else 0)
            self._partial = None

    def _write(self, data: bytes | memoryview) -> None:
        with os_errors_unavailable(_DOING), memoryview(data) as rest:
            done = 0
            while done < len(rest):
                done += os.pwrite(self._file, rest[done:], self._size + done)
        self._size += len(data)

    def _truncate(self, size: int) -> None:
        with os_errors_unavailable(_DOING):
            os.ftruncate(self._file, size)
        self._size = size

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            with os_errors_unavailable(_DOING):
                data = os.pread(self._file, min(_PIECE, stop - start), start)
            if not data:
                return
            yield data
            start += len(data)

    def _recall(self) -> None:
        """Take up what is in the file, up to the first byte that is not as it should be."""
        source = Input(self._read(0, os.fstat(self._file).st_size))
        good = 0
        with suppress(Corrupt, BaseUnusable):  # torn by a crash, or its base is bad by now: it comes again
            while self._partial is None and (begun := stream.read_header(source)) is not None:
                verifier = self._verifier(begun[0])
                start = good + verifier.record.footer_size
                with suppress(Corrupt):
                    _recall_object(verifier, source)
                if verifier.is_whole:
                    verifier.end()
                    self._whole.append(_Arrived(verifier.record, start))
                else:
                    self._partial, self._partial_at = verifier, start
                good = start + verifier.taken
        self._truncate(good)

    def finish(self) -> None:
        """Nothing more is wanted: drop what is here in part, and seal the rest."""
        self._drop_partial()
        self.seal()

    def seal(self) -> None:
        """Move the whole objects into a pack, known and held; the file begins anew. Nothing may be under way.

        FreedMeanwhile if one that was stored already was freed just now.
        """
        if self._partial is not None:
            raise RuntimeError("an object is under way")
        if not self._whole:
            return
        new = self._new()
        pack_id = secrets.token_hex(16)
        with self._database.write() as tx:
            if new:
                registration.begin_pack(tx, pack_id, self._now)
        try:
            pack = self._pack(pack_id, new) if new else None
            with self._database.write() as tx:
                if pack is not None:
                    registration.add_pack(tx, pack.id, pack.size, pack.records, self._now)
                ids = index.locate_ids(tx, self.arrived)
                if ids.keys() != self.arrived:
                    raise index.FreedMeanwhile
                holds.touch(tx, self._owner, self._now)
                holds.hold_objects(tx, self._owner, list(ids.values()))
        except BaseException:
            drop_packs(self._database, self._storage, [pack_id] if new else [])
            raise
        self._truncate(0)
        self._whole, self._left = [], 0

    def _new(self) -> list[_Arrived]:
        """Those that are not stored, or are damaged there, each once."""
        once = {item.record.digest: item for item in self._whole}
        with self._database.read() as tx:
            stored = index.locate_ids(tx, once.keys())
            damaged = damage.damaged_objects(tx, stored.values())
        return [item for digest, item in once.items() if digest not in stored or stored[digest] in damaged]

    def _pack(self, pack_id: str, new: Iterable[_Arrived]) -> PackWriter:
        with PackWriter(self._storage, pack_id) as pack:
            for item in new:
                pack.copy(
                    self._as_deep_as_here(item.record),
                    self._read(item.position, item.position + item.record.stored_size),
                )
        if read_footer(self._storage, pack.id) != pack.records:
            raise Corrupt(f"pack {pack.id} was not stored as it was written", hint="try again")
        return pack

    def _as_deep_as_here(self, record: Record) -> Record:
        """Its bases may be stored deeper here than where it comes from, or less deep."""
        if not record.bases:
            return record
        with self._database.read() as tx:
            found = index.located(tx, record.bases)
        if found.keys() != set(record.bases):
            raise index.FreedMeanwhile
        return replace(record, depth=1 + max(base.record.depth for base in found.values()))


@contextmanager
def _needed(base: Digest) -> Iterator[None]:
    """BaseUnusable if the base turns out to be missing, or damaged."""
    try:
        yield
    except Corrupt as error:
        raise BaseUnusable(base) from error


def _recall_object(verifier: Verifier, source: Input) -> None:
    """Take an object's bytes up as far as they are there."""
    while not verifier.is_whole:
        data = source.some(min(_PIECE, verifier.record.stored_size - verifier.taken))
        if not data:
            return
        verifier.take(data)


def _check_asked(record: Record, wanted: Mapping[Digest, int]) -> None:
    """Before the first byte is taken: a lie about the length would otherwise show only after all of it had come."""
    size = wanted.get(record.digest)
    if size is None:
        raise Corrupt(f"object {record.digest} arrived and was not asked for")
    if record.size != size if size else record.size > _UNKNOWN_SIZE:
        raise Corrupt(f"object {record.digest} arrives with {record.size} bytes, not {size or 'fewer'}")
