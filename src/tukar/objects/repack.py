"""Repacking: tensors that landed plain are encoded anew, as differences to their relatives where that is shorter.

For each file in the order in which they came, and for each of its tensors:

1. It is sketched, and its likely relatives are found among the sketches of all tensors (``relatives``).
2. It is encoded as a difference to each of these, and by itself unless that is longer anyway; of one that is too large
   to be held, a few blocks are (``reencoding``).
3. The shortest of these is written to a new pack.

Once a pack is full, and durable, all of it is read back and decoded, and compared with the objects' digests. Then the
objects move there, some hundreds in a transaction, so that nobody waits long. The old bytes stay for the grace period,
so that who reads them goes on; gc frees them (``compaction``). What is left of a run that was cut off is a pack that
nobody knows of, which is dropped, or one to which some objects have not moved: what they would be there is dead weight.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import sqlalchemy as sa

from tukar import formats
from tukar.database import Database, Transaction
from tukar.errors import Corrupt, Invalid, TukarError, Unavailable
from tukar.objects import cutting, index, registration, relatives
from tukar.objects.cache import BlockCache
from tukar.objects.damage import damaged_files
from tukar.objects.encoding import BLOCK_SIZE
from tukar.objects.freed import FreedMeanwhile
from tukar.objects.index import StoredFile, location_of
from tukar.objects.packing import drop_packs
from tukar.objects.packs import CONTENT, Location, Record, object_hasher, read_footer
from tukar.objects.reading import Blocks, FileReader, ObjectSource
from tukar.objects.reencoding import Prepared, Preparing, Tensor
from tukar.objects.sketches import Sketch
from tukar.objects.tables import damages, files, objects, parts, sketches
from tukar.objects.workers import CORES, Workers
from tukar.objects.writing import PackWriter
from tukar.storage.base import Storage
from tukar.types import Digest

PACK_SIZE: Final = 128 << 20
SLICE: Final = 500  # objects that move in one transaction: others wait for it
THREADS: Final = min(CORES, 4)  # each holds what it has encoded until it is written

Progress = Callable[[int], None]
"""Called with the number of raw bytes that have been dealt with since the last call. It may raise, to stop."""


@dataclass(frozen=True, slots=True)
class Repacked:
    """What repacking did.

    Attributes:
        files: how many were dealt with.
        tensors: how many were encoded anew.
        before: bytes that these took.
        after: bytes that they take now.
    """

    files: int = 0
    tensors: int = 0
    before: int = 0
    after: int = 0

    def __add__(self, other: Repacked) -> Repacked:
        return Repacked(
            self.files + other.files,
            self.tensors + other.tensors,
            self.before + other.before,
            self.after + other.after,
        )


@dataclass(slots=True)
class Repacker:
    """Repacking of one database and storage, while both are in use. One at a time.

    Attributes:
        now: the time, in seconds. A run may take days: a pack that seems to be from its start is taken for abandoned.
        goes_on: asked before each tensor; if not, what was encoded is kept, and the run ends.
        threads: that encode and compare; others go first.
        on_saved: called with how many bytes less is taken by what has moved since the last call.
    """

    database: Database
    storage: Storage
    now: Callable[[], float]
    on_progress: Progress = lambda _: None
    goes_on: Callable[[], bool] = lambda: True
    pack_size: int = PACK_SIZE
    threads: int = THREADS
    on_saved: Progress = lambda _: None

    def run(self) -> Repacked:
        """Repack every file that was not yet, as long as it goes on."""
        done = Repacked()
        with Workers(self.threads) as workers:
            preparing = Preparing(self.database, self.storage)
            while self.goes_on() and (file := self._next()) is not None:
                done += self._repack(file, preparing, workers)
        return done

    def _next(self) -> StoredFile | None:
        query = sa.select(files).where(files.c.repacked_at.is_(None)).order_by(files.c.id).limit(1)
        with self.database.read() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else StoredFile(row.id, row.sha256, row.size, row.format)

    def _repack(self, file: StoredFile, preparing: Preparing, workers: Workers) -> Repacked:
        done, tensors = Repacked(), self._readable_tensors(file)
        while tensors:
            with closing(workers.ahead(preparing.prepare, tensors)) as prepared:
                more, tensors = self._encode(tensors, prepared, preparing, workers)
            done += more
            if not self.goes_on():
                return done
        with self.database.write() as tx:
            tx.execute(files.update().where(files.c.id == file.id).values(repacked_at=self.now()))
        return done + Repacked(files=1)

    def _encode(
        self, tensors: list[Tensor], prepared: Iterator[Prepared], preparing: Preparing, workers: Workers
    ) -> tuple[Repacked, list[Tensor]]:
        """Encode tensors, pack after pack; those that are left are to be prepared anew, unless it does not go on."""
        done = Repacked()
        while tensors:
            batch = _Batch(self, preparing, workers)
            try:
                left = batch.take(tensors, prepared)
                done += batch.finish()
            except _Unreadable as error:
                batch.abandon()
                return done, [tensor for tensor in tensors if tensor is not error.tensor]
            except BaseException:
                batch.abandon()
                raise
            if batch.lost or not self.goes_on():
                return done, batch.lost + left
            tensors = left
        return done, tensors

    def _readable_tensors(self, file: StoredFile) -> list[Tensor]:
        """None of a file whose layout is damaged: that is for check to report."""
        try:
            return self._tensors(file)
        except Unavailable:
            with self.database.read() as tx:
                if not damaged_files(tx, [file.sha256]):
                    raise  # the storage is away: later
        except TukarError:
            pass
        return []

    def _tensors(self, file: StoredFile) -> list[Tensor]:
        """The tensors of a file that have not been looked at, each object once."""
        reader = FileReader(self.database, self.storage, BlockCache(0), file)
        layout = formats.open_file(reader)
        named = {(piece.start, piece.stop): piece.tensor for piece in cutting.pieces(layout, file.size) if piece.tensor}
        query = (
            sa.select(parts.c.start, parts.c.length, *objects.c)
            .join_from(parts, objects, parts.c.object_id == objects.c.id)
            .where(parts.c.file_id == file.id, objects.c.kind == CONTENT)
            .where(~sa.exists().where(sketches.c.object_id == objects.c.id))
            .where(~sa.exists().where(damages.c.object_id == objects.c.id))
            .order_by(parts.c.start)
        )
        with self.database.read() as tx:
            rows = tx.execute(query).all()
        found: dict[int, Tensor] = {}
        for row in rows:
            info = named.get((row.start, row.start + row.length))
            if info is not None:
                found.setdefault(row.id, Tensor(row.id, location_of(row), info))
        return list(found.values())


class _Unreadable(Exception):
    """A tensor, or what it was to be a difference to, was damaged or went away half-way: its pack is spoilt."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor.location.record.digest)
        self.tensor = tensor


@dataclass(frozen=True, slots=True)
class _Looked:
    """What came of looking at a tensor: its sketch, and its record in the new pack unless it stays as it is."""

    tensor: Tensor
    sketch: Sketch
    record: Record | None


@dataclass(slots=True)
class _Batch:
    """The tensors of one new pack.

    Attributes:
        lost: tensors that are to be looked at again: gc took the pack for one that is not worth keeping.
    """

    repacker: Repacker
    preparing: Preparing
    workers: Workers
    lost: list[Tensor] = field(default_factory=list)
    _looked: list[_Looked] = field(default_factory=list)
    _pack: PackWriter | None = None

    def take(self, tensors: list[Tensor], prepared: Iterator[Prepared]) -> list[Tensor]:
        """Write tensors as they are prepared until a pack is full; returns those that are left."""
        with ExitStack() as stack:
            for count, tensor in enumerate(tensors):
                is_full = self._pack is not None and not self._pack.has_room(self.repacker.pack_size)
                if is_full or not self.repacker.goes_on():
                    return tensors[count:]
                self._take(next(prepared), stack)
                self.repacker.on_progress(tensor.location.record.size)
        return []

    def abandon(self) -> None:
        """Remove the pack, unless it is registered: that may have failed only for who waited for it."""
        if self._pack is None:
            return
        with suppress(TukarError):  # what cannot be removed now, gc removes; it must not hide why we are here
            with self.repacker.database.read() as tx:
                left = index.unregistered(tx, [self._pack.id])
            drop_packs(self.repacker.database, self.repacker.storage, left)

    def _take(self, prepared: Prepared, stack: ExitStack) -> None:
        tensor = prepared.tensor
        record = None
        try:
            if prepared.blocks is not None:
                record = self._open(stack).copy(*prepared.blocks)
            elif prepared.view is not None and prepared.way is not None:
                codec, bases = prepared.way.codec, prepared.way.bases
                digest = tensor.location.record.digest
                record = self._open(stack).add(digest, CONTENT, codec, prepared.view, BLOCK_SIZE, bases)
        except (FreedMeanwhile, Corrupt, Invalid) as error:
            if self._pack is not None and not self._pack.is_whole:
                raise _Unreadable(tensor) from error
        if prepared.sketch is not None:
            self._looked.append(_Looked(tensor, prepared.sketch, record))
            depth = tensor.location.record.depth if record is None else record.depth
            self.preparing.note(tensor, prepared.sketch, depth)

    def _open(self, stack: ExitStack) -> PackWriter:
        if self._pack is None:
            pack_id = secrets.token_hex(16)
            with self.repacker.database.write() as tx:
                registration.begin_pack(tx, pack_id, self.repacker.now())
            self._pack = PackWriter(self.repacker.storage, pack_id)
            stack.enter_context(self._pack)
        return self._pack

    def finish(self) -> Repacked:
        """Compare what was written, and let the objects move there, slice by slice."""
        repacker, pack, done = self.repacker, self._pack, Repacked()
        if pack is not None:
            self._prove(pack)
        for number, some in enumerate(index.batches(self._looked, SLICE)):
            with repacker.database.write() as tx:
                if pack is not None and number == 0:
                    registration.make_live(tx, pack.id, pack.size, pack.records, repacker.now())
                if pack is not None and not registration.is_live(tx, pack.id):
                    self.lost = [each.tensor for each in self._looked[number * SLICE :]]
                    break
                moved = self._move(tx, some)
                relatives.store(tx, {each.tensor.location.record.digest: each.sketch for each in some})
            done += moved
            repacker.on_saved(moved.before - moved.after)
        return done

    def _prove(self, pack: PackWriter) -> None:
        """Corrupt unless all that was written decodes to what it is to be."""
        repacker = self.repacker
        if read_footer(repacker.storage, pack.id) != pack.records:
            raise Corrupt(f"pack {pack.id} was not stored as it was written", hint="try again")
        locations = [Location(pack.id, record) for record in pack.records]
        unproven: set[Digest] = set()
        with closing(self.workers.ahead(self._is_proven, locations)) as proven:
            for location, is_proven in zip(locations, proven, strict=True):
                repacker.on_progress(0)
                if not is_proven:
                    unproven.add(location.record.digest)
        self._looked = [
            replace(each, record=None) if each.tensor.location.record.digest in unproven else each
            for each in self._looked
        ]

    def _is_proven(self, location: Location) -> bool:
        """Whether it decodes to what it is to be; not where a base has gone. Corrupt otherwise."""
        record, hasher = location.record, object_hasher(location.record.kind)
        try:
            source = ObjectSource(Blocks(self.repacker.storage), partial(self._with_bases, location))
            for block in record.blocks():
                hasher.update(source.read(block.raw_start, block.raw_start + block.raw_size))
            if hasher.digest() != record.digest:
                raise Corrupt(f"object {record.digest} was not encoded as it is", hint="try again")
        except Corrupt:
            if self._has_bases(record):
                raise
            return False
        return True

    def _has_bases(self, record: Record) -> bool:
        """Whether its bases are still here: nothing keeps them until it has moved."""
        with self.repacker.database.read() as tx:
            return index.locate_ids(tx, record.bases).keys() == set(record.bases)

    def _with_bases(self, location: Location) -> Location:
        with self.repacker.database.read() as tx:
            return index.with_bases(tx, [location])[0]

    def _move(self, tx: Transaction, looked: list[_Looked]) -> Repacked:
        done, now = Repacked(), self.repacker.now()
        for each in looked:
            tensor, old = each.tensor, each.tensor.location
            if self._pack is None or each.record is None:
                continue
            if registration.supersede(tx, tensor.id, old, Location(self._pack.id, each.record), now):
                done += Repacked(0, 1, old.record.stored_size, each.record.stored_size)
        return done


def pending(tx: Transaction) -> tuple[int, int]:
    """How many files were not repacked yet, and their raw bytes."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(files.c.size), 0))
    row = tx.execute(query.where(files.c.repacked_at.is_(None))).one()
    return int(row[0]), int(row[1])
