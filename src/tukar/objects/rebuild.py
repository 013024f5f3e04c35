"""The index rebuilt from storage alone: packs describe their objects, manifests describe the files."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

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
from tukar.types import Digest, Manifest


def rebuild_index(database: Database, storage: Storage, now: float) -> Iterator[Finding]:
    """Register every pack, object and file that the storage holds and the index does not; yields what cannot be.

    Objects that the index places in a pack which is not there, as after the database was restored from an older copy,
    are placed where they are. Each file is put together, and its sha256 compared. Repositories are not part of the
    index: they are in the database alone. Files that no repository needs are freed by gc after the grace period.

    An object that is stored as a difference is registered once its bases are: those with the least depth first, for a
    base has less. Of an object that lies in several packs, as after repacking, the plainest copy is taken that can be.

    Only for who knows that no landing, no repacking and no gc is under way.
    """
    present = {pack_id: stat.size for stat in storage.list(PREFIX) if (pack_id := pack_id_of(stat.key))}
    found: list[Location] = []
    differences: list[Location] = []
    for pack_id, size in present.items():
        try:
            records = read_footer(storage, pack_id)
        except TukarError as error:
            yield Finding(error.message)
            continue
        with database.write() as tx:
            if _make_live(tx, pack_id, size, records, now):
                plain = [record for record in records if not record.bases]
                registration.add_objects(tx, pack_id, plain)
                _place(tx, pack_id, plain, present)
                differences += [Location(pack_id, record) for record in records if record.bases]
        found += [Location(pack_id, record) for record in records if record.kind == MANIFEST]
    yield from _add_differences(database, differences, present)
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
                record = wanted[bytes(digest)]
                row = index.object_row(pack_id, record)
                moved = objects.update().where(objects.c.digest == digest).values(row).returning(objects.c.id)
                registration.keep_bases(tx, int(tx.execute(moved).scalar_one()), record)


def _add_differences(database: Database, differences: Iterable[Location], present: Container[str]) -> Iterator[Finding]:
    lost: dict[Digest, Finding] = {}
    for location in sorted(differences, key=lambda each: each.record.depth):
        record, pack_id = location.record, location.pack_id
        try:
            with database.write() as tx:
                registration.add_objects(tx, pack_id, [record])
                _place(tx, pack_id, [record], present)
            lost.pop(record.digest, None)
        except FreedMeanwhile:
            with database.read() as tx:
                known = index.locate_ids(tx, [record.digest])
            if not known:
                told = f"pack {pack_id}: object {record.digest} is a difference to what is in no pack that can be read"
                lost[record.digest] = Finding(told)
    yield from lost.values()


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
