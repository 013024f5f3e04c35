"""Check: read everything that is stored, compare it with its digests, and name the files that a fault touches.

1. The database finds no fault in itself, and no object lies in a pack that is not live.
2. Each live pack is as the index says: its size, and its footer, which describes the same objects.
3. Each block of each object in it, dead ones too, has its digests; each object has its digest.
4. Each file's manifest says what the index says of the file.

What is damaged is noted, so that nothing new is built on it and whoever has the bytes can send them again; what was
noted and is whole after all is noted no more. A pack that the index does not know is no fault: see ``compaction``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from tukar.database import Database
from tukar.errors import Corrupt, NotFound, TukarError
from tukar.objects import damage, index
from tukar.objects.agreement import disagreements
from tukar.objects.cache import BlockCache
from tukar.objects.index import LIVE, location_of
from tukar.objects.packs import CONTENT, Block, Location, Record, key, object_hasher, read_footer
from tukar.objects.reading import Blocks, ObjectSource
from tukar.objects.tables import files, objects, packs, parts
from tukar.objects.window import Window
from tukar.storage.base import Storage
from tukar.types import Digest

_CACHE: Final = 16 << 20  # bytes of bases' blocks: several objects may have the same base
_NAMED: Final = 20  # damaged objects of a pack that are told one by one


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        message: what is wrong and where.
        files: the sha256 of every stored file that it touches; empty if none.
    """

    message: str
    files: tuple[str, ...] = ()


Progress = Callable[[int], None]
"""Called with the number of stored bytes that have been read since the last call."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """A fault of a pack, and the row ids of the known objects that it touches."""

    message: str
    object_ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Checker:
    """Check of one database and storage, while both are in use."""

    database: Database
    storage: Storage
    now: float
    on_progress: Progress = lambda _: None
    on_damage: Callable[[], None] = lambda: None
    _cache: BlockCache = field(default_factory=lambda: BlockCache(_CACHE))

    def run(self) -> Iterator[Finding]:
        """Every fault there is."""
        yield from map(Finding, self.database.faults())
        yield from self._misplaced()
        with self.database.read() as tx:
            ids = list(tx.execute(sa.select(packs.c.id).where(packs.c.state == LIVE).order_by(packs.c.id)).scalars())
        for pack_id in ids:
            yield from self._pack(pack_id)
        for sha256, wrong in disagreements(self.database, self.storage):
            yield Finding(f"file {sha256}: {wrong}", (sha256,))

    def _misplaced(self) -> Iterator[Finding]:
        query = (
            sa.select(packs.c.id, packs.c.state, objects.c.id.label("object_id"))
            .join_from(objects, packs, objects.c.pack_id == packs.c.id)
            .where(packs.c.state != LIVE)
        )
        with self.database.read() as tx:
            rows = tx.execute(query).all()
        for pack_id, state in sorted({(row.id, row.state) for row in rows}):
            inside = [row.object_id for row in rows if row.id == pack_id]
            yield Finding(f"pack {pack_id}: objects lie in it, but it is {state}", self._touched(inside))

    def _pack(self, pack_id: str) -> Iterator[Finding]:
        faults = list(self._pack_faults(pack_id))
        if not self._is_live(pack_id):
            return  # gc deleted it while we looked
        touched = {object_id for fault in faults for object_id in fault.object_ids}
        if damage.note(self.database, pack_id, touched, self.now, damaged=bool(faults)):
            self.on_damage()
        yield from (Finding(f"pack {pack_id}: {fault.message}", self._touched(fault.object_ids)) for fault in faults)

    def _is_live(self, pack_id: str) -> bool:
        with self.database.read() as tx:
            live = packs.c.state == LIVE
            return tx.execute(sa.select(packs.c.id).where(packs.c.id == pack_id, live)).one_or_none() is not None

    def _pack_faults(self, pack_id: str) -> Iterator[_Fault]:
        with self.database.read() as tx:
            row = tx.execute(sa.select(packs).where(packs.c.id == pack_id)).one_or_none()
            rows = tx.execute(sa.select(objects).where(objects.c.pack_id == pack_id)).all()
        everything = [row.id for row in rows]
        try:
            window = Window(self.storage, key(pack_id))
        except NotFound:
            yield _Fault("it is missing", everything)
            return
        known, faults = _known(rows)
        yield from faults
        try:
            written = read_footer(self.storage, pack_id)
        except (Corrupt, NotFound) as error:
            yield _Fault(error.message, everything)
        else:
            content = sum(record.stored_size for record in written)
            if row is not None and (row.size, row.content) != (window.size, content):
                yield _Fault(
                    f"it has {window.size} bytes, {content} of them blocks; the index says otherwise", everything
                )
            if differing := known.keys() - set(written):
                wrong = [known[record] for record in differing]
                yield _Fault("its footer differs from the index", wrong)
            # What the index does not know is waste, but its bytes are ours to check as well.
            yield from _first(self._objects(pack_id, {record: known.get(record) for record in written}, window))
            return
        yield from _first(self._objects(pack_id, known, window))

    def _objects(
        self, pack_id: str, known: Mapping[Record, int] | Mapping[Record, int | None], window: Window
    ) -> Iterator[_Fault]:
        for record, object_id in sorted(known.items(), key=lambda item: item[0].offset):
            if record.bases and object_id is None:
                fault = self._stored_fault(record, window)
            else:
                fault = self._object_fault(Location(pack_id, record), window)
            if fault is None:
                continue
            if object_id is None:
                yield _Fault(f"object {record.digest}, which nothing uses and gc removes: {fault}")
            else:
                yield _Fault(f"object {record.digest}: {fault}", (object_id,))

    def _object_fault(self, location: Location, window: Window) -> str | None:
        record = location.record
        block: Block | None = None
        try:
            source = ObjectSource(Blocks(self.storage, self._cache), lambda: self._with_bases(location))
            hasher = object_hasher(record.kind)
            for block in record.blocks():
                raw = source.decode(block, window.read(block.start, block.stop))
                self.on_progress(block.stored_size)
                if record.kind == CONTENT and block.raw_size == record.size:
                    return None if block.raw_digest == record.digest else "its block has not its digest"
                hasher.update(raw)
        except TukarError as error:
            return f"byte {block.start} of the pack: {error.message}" if block else error.message
        return None if hasher.digest() == record.digest else "its blocks do not add up to its digest"

    def _with_bases(self, location: Location) -> Location:
        with self.database.read() as tx:
            return index.with_bases(tx, [location])[0]

    def _stored_fault(self, record: Record, window: Window) -> str | None:
        """What is wrong with an object that nothing uses, and whose bases may be gone."""
        for block in record.blocks():
            stored = window.read(block.start, block.stop)
            self.on_progress(block.stored_size)
            if Digest.of(stored) != block.stored_digest:
                return f"byte {block.start} of the pack: a stored block does not match its digest"
        return None

    def _touched(self, object_ids: Iterable[int]) -> tuple[str, ...]:
        touched: set[str] = set()
        with self.database.read() as tx:
            for batch in index.batches(object_ids):
                using = sa.select(parts.c.file_id).where(parts.c.object_id.in_(batch))
                query = sa.select(files.c.sha256).where(files.c.id.in_(using) | files.c.manifest_id.in_(batch))
                touched.update(tx.execute(query).scalars())
        return tuple(sorted(touched))


def _known(rows: Iterable[Any]) -> tuple[dict[Record, int], list[_Fault]]:
    """The records that the index has, each with its row id, and what is no record at all."""
    known: dict[Record, int] = {}
    faults = []
    for row in rows:
        try:
            known[location_of(row).record] = row.id
        except TukarError as error:
            faults.append(_Fault(f"its object {row.id} in the index: {error.message}", [row.id]))
    return known, faults


def _first(faults: Iterable[_Fault]) -> Iterator[_Fault]:
    """The first few faults one by one, and the rest in one: a damaged disk has many."""
    more: list[int] = []
    count = 0
    for count, fault in enumerate(faults, 1):
        if count <= _NAMED:
            yield fault
        else:
            more += fault.object_ids
    if count > _NAMED:
        yield _Fault(f"{count - _NAMED} more objects are damaged", more)
