"""The index rebuilt from storage alone: packs describe their objects, manifests describe the files."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.errors import Corrupt, TukarError
from tukar.objects import index, manifests, registration
from tukar.objects.check import Finding
from tukar.objects.index import DEAD, LANDING, LIVE, STRAY, FreedMeanwhile, Location
from tukar.objects.packs import MANIFEST, PREFIX, Record, pack_id_of, read_footer
from tukar.objects.proof import Proof
from tukar.objects.reading import read_object
from tukar.objects.tables import objects, packs
from tukar.storage.base import Storage
from tukar.types import Manifest


def rebuild_index(database: Database, storage: Storage, now: float) -> Iterator[Finding]:
    """Register every pack, object and file that the storage holds and the index does not; yields what cannot be.

    Objects that the index places in a pack which is not there, as after the database was restored from an older copy,
    are placed where they are. Each file is put together, and its sha256 compared. Repositories are not part of the
    index: they are in the database alone. Files that no repository needs are freed by gc after the grace period.

    Only for who knows that no landing and no gc is under way.
    """
    present = {pack_id: stat.size for stat in storage.list(PREFIX) if (pack_id := pack_id_of(stat.key))}
    found: list[Location] = []
    for pack_id, size in present.items():
        try:
            records = read_footer(storage, pack_id)
        except TukarError as error:
            yield Finding(error.message)
            continue
        with database.write() as tx:
            if _make_live(tx, pack_id, size, records, now):
                registration.add_objects(tx, pack_id, records)
                _place(tx, pack_id, records, present)
        found += [Location(pack_id, record) for record in records if record.kind == MANIFEST]
    for location in found:
        yield from _add_file(database, storage, location, now)


def _make_live(tx: Transaction, pack_id: str, size: int, records: Sequence[Record], now: float) -> bool:
    """Whether the pack is live now; one that is dead stays so."""
    state = tx.execute(sa.select(packs.c.state).where(packs.c.id == pack_id)).scalar_one_or_none()
    if state is None:
        registration.begin_pack(tx, pack_id, now)
    elif state == STRAY:
        tx.execute(packs.update().where(packs.c.id == pack_id).values(state=LANDING))
    if state not in (LIVE, DEAD):
        registration.make_live(tx, pack_id, size, records, now)
    return state != DEAD


def _place(tx: Transaction, pack_id: str, records: Sequence[Record], present: Container[str]) -> None:
    for batch in index.batches(records):
        wanted = {bytes(record.digest): record for record in batch}
        query = sa.select(objects.c.digest, objects.c.pack_id).where(objects.c.digest.in_(wanted))
        for digest, where in tx.execute(query).all():
            if where not in present:
                row = index.object_row(pack_id, wanted[bytes(digest)])
                tx.execute(objects.update().where(objects.c.digest == digest).values(row))


def _add_file(database: Database, storage: Storage, location: Location, now: float) -> Iterator[Finding]:
    where = f"pack {location.pack_id}: the file of manifest {location.record.digest}"
    try:
        manifest = manifests.decode(read_object(storage, location))
        with database.read() as tx:
            known = index.find_file(tx, manifest.sha256) is not None
        if not known:
            _prove(database, storage, manifest)
            with database.write() as tx:
                registration.add_file(tx, manifest, location.record.digest, now)
    except FreedMeanwhile:
        yield Finding(f"{where} is incomplete: parts of it are in no pack that can be read")
    except TukarError as error:
        yield Finding(f"{where}: {error.message}")


def _prove(database: Database, storage: Storage, manifest: Manifest) -> None:
    """Corrupt unless the parts make up the file.

    A manifest alone proves nothing: a landing that was cut off before it compared them leaves one that says whatever
    sha256 the sender announced.
    """
    proof = Proof(database, storage, {}, list(manifest.parts))
    proof.advance(len(manifest.parts))
    if proof.sha256() != manifest.sha256:
        raise Corrupt(f"its parts have sha256 {proof.sha256()}, not {manifest.sha256}")
