"""Check: read everything that is stored, compare it with its digests, and name the files that a fault touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

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
from tukar.types import Digest, Manifest

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
        yield from self._homeless()
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
        known = self._known(pack_id)
        try:
            written: dict[bytes, Record] = {record.digest: record for record in read_footer(self.storage, pack_id)}
        except NotFound as error:
            yield Finding(error.message, self._touched(known))
            return
        except Corrupt as error:
            yield Finding(error.message, self._touched(known))
            written = {digest: record for digest, record in known.items() if record is not None}
        wrong = [digest for digest, record in known.items() if record is None or record != written.get(digest)]
        if wrong:
            yield Finding(f"pack {pack_id}: its footer differs from the index", self._touched(wrong))
        # What the index does not know is waste, but its bytes are ours to check as well.
        for record in written.values():
            yield from self._object(Location(pack_id, record), record.digest in known)

    def _known(self, pack_id: str) -> dict[bytes, Record | None]:
        """What the index says of the objects in a pack; None where it speaks of what cannot be."""
        with self.database.read() as tx:
            rows = tx.execute(sa.select(objects).where(objects.c.pack_id == pack_id)).all()
        return {row.digest: _record(row) for row in rows}

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

    def _homeless(self) -> Iterator[Finding]:
        """Objects that the index places in a pack that is not live."""
        query = sa.select(objects.c.digest).join_from(objects, packs).where(packs.c.state != LIVE)
        with self.database.read() as tx:
            found = list(tx.execute(query).scalars())
        if found:
            yield Finding(f"the index places {len(found)} objects in packs that are not live", self._touched(found))

    def _touched(self, digests: Iterable[bytes]) -> tuple[str, ...]:
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
            columns = (files.c.id.label("file_id"), files.c.sha256, files.c.size.label("file_size"), files.c.format)
            query = sa.select(*columns, *objects.c).join_from(files, objects)
            with self.database.read() as tx:
                rows = tx.execute(query.where(files.c.id > last).order_by(files.c.id).limit(_ROWS)).all()
            if not rows:
                return
            for row in rows:
                if not self._agrees(row):
                    yield Finding(f"file {row.sha256}: the index differs from its manifest", (row.sha256,))
            last = rows[-1].file_id

    def _agrees(self, row: sa.Row[Any]) -> bool:
        record = _record(row)
        if record is None:
            return True  # reported with its pack
        try:
            location = Location(row.pack_id, record)
            data = b"".join(read_object(self.storage, BlockCache(0), location, 0, record.size))
        except TukarError:
            return True  # reported with its pack, or gc moved it while we looked
        try:
            manifest = manifests.decode(data)
        except Corrupt:
            return False
        indexed = self._indexed(row.file_id)
        with self.database.read() as tx:
            if index.find_file(tx, row.sha256) is None:
                return True  # gc freed it while we looked
        named = (manifest.sha256, manifest.size, manifest.format)
        return named == (row.sha256, row.file_size, row.format) and indexed == list(_placed(manifest))

    def _indexed(self, file_id: int) -> list[tuple[int, int, bytes]]:
        query = (
            sa.select(parts.c.start, parts.c.length, objects.c.digest)
            .join_from(parts, objects)
            .where(parts.c.file_id == file_id)
            .order_by(parts.c.position)
        )
        with self.database.read() as tx:
            return [tuple(row) for row in tx.execute(query)]


def _record(row: sa.Row[Any]) -> Record | None:
    """A row of the table ``objects``; None if it is damaged beyond what can be read by."""
    if len(row.digest) != 32 or row.size < 0 or not row.block_size > 0:
        return None
    record = location_of(row).record
    return record if record.is_well_formed else None


def _placed(manifest: Manifest) -> Iterator[tuple[int, int, bytes]]:
    start = 0
    for part in manifest.parts:
        yield start, part.length, part.digest
        start += part.length
