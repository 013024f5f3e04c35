"""Check: read everything that is stored, compare it with its digests, and name the files that a fault touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from blake3 import blake3

from tukar import codecs
from tukar.database import Database
from tukar.errors import Corrupt, NotFound, TukarError
from tukar.objects import index, manifests
from tukar.objects.index import LIVE, Location, location_of
from tukar.objects.packs import Block, Record, key, read_footer
from tukar.objects.reading import BlockCache, read_object
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.base import Storage
from tukar.types import Digest, Part

_ROWS: Final = 200


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
class Checker:
    """Check of one database and storage, while both are in use."""

    database: Database
    storage: Storage
    on_progress: Progress = lambda _: None

    def run(self) -> Iterator[Finding]:
        """Every fault there is."""
        yield from map(Finding, self.database.faults())
        with self.database.read() as tx:
            ids = list(tx.execute(sa.select(packs.c.id).where(packs.c.state == LIVE).order_by(packs.c.id)).scalars())
        for pack_id in ids:
            yield from self._pack(pack_id)
        yield from self._manifests()

    def _pack(self, pack_id: str) -> Iterator[Finding]:
        found = list(self._pack_faults(pack_id))
        if found and self._is_live(pack_id):  # else gc deleted it while we looked
            yield from found

    def _is_live(self, pack_id: str) -> bool:
        with self.database.read() as tx:
            live = packs.c.state == LIVE
            return tx.execute(sa.select(packs.c.id).where(packs.c.id == pack_id, live)).one_or_none() is not None

    def _pack_faults(self, pack_id: str) -> Iterator[Finding]:
        with self.database.read() as tx:
            rows = tx.execute(sa.select(objects).where(objects.c.pack_id == pack_id)).all()
        known = {location.record.digest: location.record for location in map(location_of, rows)}
        records = list(known.values())
        try:
            written = read_footer(self.storage, pack_id)
        except (Corrupt, NotFound) as error:
            yield Finding(error.message, self._touched(known))
        else:
            wrong = [digest for digest, record in known.items() if record not in written]
            if wrong:
                yield Finding(f"pack {pack_id}: its footer differs from the index", self._touched(wrong))
            # What the index does not know is waste, but its bytes are ours to check as well.
            records += [record for record in written if record.digest not in known]
        for record in records:
            yield from self._object(Location(pack_id, record), record.digest in known)

    def _object(self, location: Location, needed: bool) -> Iterator[Finding]:
        fault = self._object_fault(location)
        if fault is not None:
            touched = self._touched([location.record.digest]) if needed else ()
            yield Finding(f"pack {location.pack_id}, object {location.record.digest}: {fault}", touched)

    def _object_fault(self, location: Location) -> str | None:
        record, hasher = location.record, blake3()
        for number, block in enumerate(record.blocks()):
            try:
                raw = self._block(location, block)
            except TukarError as error:
                return f"block {number} at byte {block.start}: {error.message}"
            hasher.update(raw)
            self.on_progress(block.stored_size)
        return None if hasher.digest() == record.digest else "its blocks do not add up to its digest"

    def _block(self, location: Location, block: Block) -> bytes:
        stored = self.storage.read(key(location.pack_id), block.start, block.start + block.stored_size)
        if Digest.of(stored) != block.stored_digest:
            raise Corrupt("the stored bytes do not match their digest")
        if block.stored_size == block.raw_size:
            return stored
        record: Record = location.record
        raw = codecs.codec(record.codec).decode(record.meta, stored, block.raw_size, ())
        if Digest.of(raw) != block.raw_digest:
            raise Corrupt("the decoded bytes do not match their digest")
        return raw

    def _touched(self, digests: Sequence[Digest] | dict[Digest, Record]) -> tuple[str, ...]:
        touched: set[str] = set()
        with self.database.read() as tx:
            for batch in index.batches(digests):
                own = sa.select(objects.c.id).where(objects.c.digest.in_(batch))
                using = sa.select(parts.c.file_id).where(parts.c.object_id.in_(own))
                query = sa.select(files.c.sha256).where(files.c.id.in_(using) | files.c.manifest_id.in_(own))
                touched.update(tx.execute(query).scalars())
        return tuple(sorted(touched))

    def _manifests(self) -> Iterator[Finding]:
        """The index's parts of each file are those of its manifest."""
        last = 0
        while True:
            query = sa.select(files.c.id, files.c.sha256, *objects.c[1:]).join_from(files, objects)
            with self.database.read() as tx:
                rows = tx.execute(query.where(files.c.id > last).order_by(files.c.id).limit(_ROWS)).all()
            if not rows:
                return
            for row in rows:
                if not self._agrees(row.id, row.sha256, location_of(row)):
                    yield Finding(f"file {row.sha256}: the index differs from its manifest", (row.sha256,))
            last = rows[-1].id

    def _agrees(self, file_id: int, sha256: str, location: Location) -> bool:
        try:
            data = b"".join(read_object(self.storage, BlockCache(0), location, 0, location.record.size))
            manifest = manifests.decode(data)
        except TukarError:
            return True  # reported with its pack
        query = (
            sa.select(objects.c.digest, parts.c.length)
            .join_from(parts, objects)
            .where(parts.c.file_id == file_id)
            .order_by(parts.c.position)
        )
        with self.database.read() as tx:
            indexed = tuple(Part(Digest(digest), length) for digest, length in tx.execute(query))
            if not indexed and index.find_file(tx, sha256) is None:
                return True  # gc freed it while we looked
        return manifest.sha256 == sha256 and manifest.parts == indexed
