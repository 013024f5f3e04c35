"""Replacing: tensors as they are encoded anew, in one new pack, which is proven before they move there."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from tukar.database import Database, Transaction
from tukar.errors import Corrupt, Invalid, TukarError
from tukar.objects import index, registration, relatives
from tukar.objects.encoding import BLOCK_SIZE
from tukar.objects.freed import FreedMeanwhile
from tukar.objects.packing import drop_packs
from tukar.objects.packs import CONTENT, Location, Record, object_hasher, read_footer
from tukar.objects.reading import Blocks, ObjectSource
from tukar.objects.reencoding import Prepared, Preparing, Tensor
from tukar.objects.sketches import Sketch
from tukar.objects.workers import Workers
from tukar.objects.writing import PackWriter
from tukar.storage.base import Storage
from tukar.types import Digest

SLICE: Final = 500  # objects that move in one transaction: others wait for it


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


class Unreadable(Exception):
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
class Replacement:
    """The tensors of one new pack.

    Attributes:
        workers: that compare.
        now: the time, in seconds.
        on_progress: called with how many raw bytes have been dealt with since the last call. It may raise, to stop.
        on_saved: called with how many bytes less is taken by what has moved since the last call.
        lost: tensors that are to be looked at again: gc took the pack for one that is not worth keeping.
    """

    database: Database
    storage: Storage
    preparing: Preparing
    workers: Workers
    now: Callable[[], float]
    on_progress: Callable[[int], None]
    on_saved: Callable[[int], None]
    lost: list[Tensor] = field(default_factory=list)
    _looked: list[_Looked] = field(default_factory=list)
    _pack: PackWriter | None = None

    def take(
        self, tensors: list[Tensor], prepared: Iterator[Prepared], size: int, goes_on: Callable[[], bool]
    ) -> list[Tensor]:
        """Write tensors as they are prepared until the pack has its size; returns those that are left."""
        with ExitStack() as stack:
            for count, tensor in enumerate(tensors):
                is_full = self._pack is not None and not self._pack.has_room(size)
                if is_full or not goes_on():
                    return tensors[count:]
                self._take(next(prepared), stack)
                self.on_progress(tensor.location.record.size)
        return []

    def finish(self) -> Repacked:
        """Compare what was written, and let the objects move there, slice by slice."""
        pack, done = self._pack, Repacked()
        if pack is not None:
            self._prove(pack)
        for number, some in enumerate(index.batches(self._looked, SLICE)):
            with self.database.write() as tx:
                if pack is not None and number == 0:
                    registration.make_live(tx, pack.id, pack.size, pack.records, self.now())
                if pack is not None and not registration.is_live(tx, pack.id):
                    self.lost = [each.tensor for each in self._looked[number * SLICE :]]
                    break
                moved = self._move(tx, some)
                relatives.store(tx, {each.tensor.location.record.digest: each.sketch for each in some})
            done += moved
            self.on_saved(moved.before - moved.after)
        return done

    def abandon(self) -> None:
        """Remove the pack, unless it is registered: that may have failed only for who waited for it."""
        if self._pack is None:
            return
        with suppress(TukarError):  # what cannot be removed now, gc removes; it must not hide why we are here
            with self.database.read() as tx:
                left = index.unregistered(tx, [self._pack.id])
            drop_packs(self.database, self.storage, left)

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
                raise Unreadable(tensor) from error
        if prepared.sketch is not None:
            self._looked.append(_Looked(tensor, prepared.sketch, record))
            depth = tensor.location.record.depth if record is None else record.depth
            self.preparing.note(tensor, prepared.sketch, depth)

    def _open(self, stack: ExitStack) -> PackWriter:
        if self._pack is None:
            pack_id = secrets.token_hex(16)
            with self.database.write() as tx:
                registration.begin_pack(tx, pack_id, self.now())
            self._pack = PackWriter(self.storage, pack_id)
            stack.enter_context(self._pack)
        return self._pack

    def _prove(self, pack: PackWriter) -> None:
        """Corrupt unless all that was written decodes to what it is to be."""
        if read_footer(self.storage, pack.id) != pack.records:
            raise Corrupt(f"pack {pack.id} was not stored as it was written", hint="try again")
        locations = [Location(pack.id, record) for record in pack.records]
        unproven: set[Digest] = set()
        with closing(self.workers.ahead(self._is_proven, locations)) as proven:
            for location, is_proven in zip(locations, proven, strict=True):
                self.on_progress(0)
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
            source = ObjectSource(Blocks(self.storage), partial(self._with_bases, location))
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
        with self.database.read() as tx:
            return index.locate_ids(tx, record.bases).keys() == set(record.bases)

    def _with_bases(self, location: Location) -> Location:
        with self.database.read() as tx:
            return index.with_bases(tx, [location])[0]

    def _move(self, tx: Transaction, looked: list[_Looked]) -> Repacked:
        done, now = Repacked(), self.now()
        for each in looked:
            tensor, old = each.tensor, each.tensor.location
            if self._pack is None or each.record is None:
                continue
            if registration.supersede(tx, tensor.id, old, Location(self._pack.id, each.record), now):
                done += Repacked(0, 1, old.record.stored_size, each.record.stored_size)
        return done
