"""The index rebuilt from storage alone: packs describe their objects, manifests describe the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import sqlalchemy as sa

from tukar.database import Database
from tukar.errors import Corrupt, TukarError
from tukar.objects import index, manifests
from tukar.objects.check import Finding
from tukar.objects.index import Location
from tukar.objects.packs import MANIFEST, PREFIX, Record, key, read_footer
from tukar.objects.reading import BlockCache, read_object
from tukar.objects.tables import packs
from tukar.storage.base import Storage
from tukar.types import Manifest


def rebuild_index(database: Database, storage: Storage, now: float) -> Iterator[Finding]:
    """Register every pack, object and file that the storage holds and the index does not; yields what cannot be.

    Repositories are not part of the index: they are in the database alone. Files that no repository needs are freed by
    the next gc.
    """
    found: list[Location] = []
    for stat in list(storage.list(PREFIX)):
        pack_id = stat.key.rpartition("/")[2]
        try:
            records = read_footer(storage, pack_id)
        except TukarError as error:
            yield Finding(error.message)
            continue
        _add_pack(database, pack_id, stat.size, records, now)
        found += [Location(pack_id, record) for record in records if record.kind == MANIFEST]
    for location in found:
        yield from _add_file(database, storage, location, now)


def _add_pack(database: Database, pack_id: str, size: int, records: list[Record], now: float) -> None:
    with database.write() as tx:
        if tx.execute(sa.select(packs.c.id).where(packs.c.id == pack_id)).one_or_none() is None:
            index.begin_pack(tx, pack_id, now)
            index.add_pack(tx, pack_id, size, records, now)


def _add_file(database: Database, storage: Storage, location: Location, now: float) -> Iterator[Finding]:
    record = location.record
    try:
        data = b"".join(read_object(storage, BlockCache(0), location, 0, record.size))
        manifest = manifests.decode(data)
        _check_sha256(database, storage, manifest)
        with database.write() as tx:
            index.add_file(tx, manifest, record.digest, now)
    except TukarError as error:
        yield Finding(f"{key(location.pack_id)}: manifest {record.digest}: {error.message}")


def _check_sha256(database: Database, storage: Storage, manifest: Manifest) -> None:
    """Corrupt unless the parts make up the file. A manifest alone proves nothing: a landing that was cut off before
    it compared them leaves one that says whatever sha256 the sender announced."""
    hasher = hashlib.sha256()
    for batch in index.batches(manifest.parts):
        with database.read() as tx:
            locations = index.locate(tx, {part.digest for part in batch})
        for part in batch:
            if part.digest not in locations:
                raise Corrupt(f"its part {part.digest} is not stored")
            for data in read_object(storage, BlockCache(0), locations[part.digest], 0, part.length):
                hasher.update(data)
    if hasher.hexdigest() != manifest.sha256:
        raise Corrupt(f"its parts have sha256 {hasher.hexdigest()}, not {manifest.sha256}")
