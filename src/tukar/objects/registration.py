"""What changes the index: packs come and go, objects move, files are registered and revived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tukar.database import Transaction
from tukar.objects import damage
from tukar.objects.index import (
    LANDING,
    LIVE,
    STRAY,
    FreedMeanwhile,
    Location,
    batches,
    find_file,
    locate_ids,
    object_row,
)
from tukar.objects.packs import Record
from tukar.objects.tables import bases, files, objects, packs, parts
from tukar.types import Digest, Manifest

_ROWS: Final = 5000  # inserted by one statement
_NOTHING: Final[Mapping[Digest, int]] = MappingProxyType({})


def begin_pack(tx: Transaction, pack_id: str, now: float) -> None:
    """Note a pack before its first byte is written, so that it is never taken for a stray one."""
    tx.execute(packs.insert().values(id=pack_id, state=LANDING, size=0, content=0, changed_at=now))


def add_pack(tx: Transaction, pack_id: str, size: int, records: Sequence[Record], now: float) -> dict[Digest, int]:
    """A landed pack becomes live and its objects known; returns the row ids of those that are.

    An object that came to be known meanwhile stays where it is. FreedMeanwhile if the pack was taken for abandoned.
    """
    make_live(tx, pack_id, size, records, now)
    add_objects(tx, pack_id, records)
    query = sa.select(objects.c.digest, objects.c.id).where(objects.c.pack_id == pack_id)
    return {Digest(digest): row_id for digest, row_id in tx.execute(query)}


def make_live(tx: Transaction, pack_id: str, size: int, records: Iterable[Record], now: float) -> None:
    """A landed pack becomes live; FreedMeanwhile if it was taken for abandoned."""
    content = sum(record.stored_size for record in records)
    ours = packs.update().where(packs.c.id == pack_id, packs.c.state == LANDING)
    if tx.execute(ours.values(state=LIVE, size=size, content=content, changed_at=now)).rowcount == 0:
        raise FreedMeanwhile


def is_live(tx: Transaction, pack_id: str) -> bool:
    """Whether objects may move to a pack: gc takes one away that holds nothing."""
    return tx.execute(sa.select(packs.c.id).where(packs.c.id == pack_id, packs.c.state == LIVE)).first() is not None


def add_objects(tx: Transaction, pack_id: str, records: Iterable[Record]) -> None:
    """Objects are in a pack; one that is known already stays where it is, unless it is damaged there."""
    for batch in batches(records, _ROWS):
        tx.execute(_insert_new(tx, objects), [object_row(pack_id, record) for record in batch])
        damage.mend(tx, pack_id, batch)
        _link(tx, pack_id, [record for record in batch if record.bases])


def _link(tx: Transaction, pack_id: str, records: Sequence[Record]) -> None:
    """Objects keep their bases. FreedMeanwhile if one is not here, or is stored too deep by now."""
    inside = sa.select(objects.c.digest, objects.c.id).where(objects.c.pack_id == pack_id)
    for batch in batches(records):
        here = inside.where(objects.c.digest.in_([bytes(record.digest) for record in batch]))
        ids = {Digest(digest): row_id for digest, row_id in tx.execute(here)}
        for record in batch:
            if record.digest in ids:
                keep_bases(tx, ids[record.digest], record)


def keep_bases(tx: Transaction, object_id: int, record: Record) -> None:
    """An object is stored as this record says, in place of how it was: it keeps its bases from now on.

    FreedMeanwhile if one is not here, or is stored too deep by now.
    """
    tx.execute(bases.delete().where(bases.c.object_id == object_id))
    if not record.bases:
        return
    wanted = {bytes(base) for base in record.bases}
    query = sa.select(objects.c.id).where(objects.c.digest.in_(wanted), objects.c.depth < record.depth)
    found = list(tx.execute(query).scalars())
    if len(found) < len(wanted):
        raise FreedMeanwhile
    tx.execute(bases.insert(), [{"object_id": object_id, "base_id": base_id} for base_id in found])


def _insert_new(tx: Transaction, table: sa.Table) -> sa.Insert:
    """An insert that leaves out the rows that are there already."""
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def move_objects(tx: Transaction, copied: Iterable[tuple[Location, Record]], to_pack: str) -> None:
    """Objects were copied, as they are stored, to another pack: note where each is, if it still is where it was."""
    columns = objects.c
    here = (columns.digest == sa.bindparam("its_digest")) & (columns.pack_id == sa.bindparam("old_pack"))
    move = objects.update().where(here).values(pack_id=to_pack, offset=sa.bindparam("new_offset"))
    for batch in batches(copied, _ROWS):
        rows = [
            {"its_digest": bytes(new.digest), "old_pack": old.pack_id, "new_offset": new.offset} for old, new in batch
        ]
        tx.execute(move, rows)


def supersede(tx: Transaction, object_id: int, old: Location, new: Location, now: float) -> bool:
    """An object was encoded anew: from now on it is there.

    Returns False if others did so before, if a base has gone, or if the row is not that object's any more.

    The bytes where it was, or where it was copied meanwhile, stay until the pack is compacted.
    """
    record = new.record
    wanted = {bytes(base) for base in record.bases}
    query = sa.select(sa.func.count()).where(objects.c.digest.in_(wanted), objects.c.depth < record.depth)
    if int(tx.execute(query).scalar_one()) < len(wanted):
        return False
    user = sa.select(objects.c.id).join_from(bases, objects, objects.c.id == bases.c.object_id)
    if tx.execute(user.where(bases.c.base_id == object_id, objects.c.depth <= record.depth)).first() is not None:
        return False
    ours = (objects.c.id == object_id) & (objects.c.digest == bytes(old.record.digest))
    form = sa.select(objects.c.pack_id, objects.c.codec, objects.c.stored_size, objects.c.depth)
    here = tx.execute(form.where(ours)).one_or_none()
    if here is None or here[1:] != (old.record.codec, old.record.stored_size, old.record.depth):
        return False
    tx.execute(objects.update().where(objects.c.id == object_id).values(object_row(new.pack_id, record)))
    keep_bases(tx, object_id, record)
    tx.execute(packs.update().where(packs.c.id == here.pack_id).values(superseded_at=now))
    return True


def add_file(
    tx: Transaction, manifest: Manifest, manifest_digest: Digest, now: float, known: Mapping[Digest, int] = _NOTHING
) -> int:
    """Register a file whose objects are all here, and give its row id.

    ``known`` has the row ids of objects that were added in this transaction. FreedMeanwhile if an object is not here:
    gc freed it since it was looked up, and it has to be landed again.
    """
    if find_file(tx, manifest.sha256) is not None:
        return revive_file(tx, manifest.sha256)
    digests = {part.digest for part in manifest.parts} | {manifest_digest}
    ids = {digest: known[digest] for digest in digests if digest in known}
    ids |= locate_ids(tx, digests - ids.keys())
    if ids.keys() != digests:
        raise FreedMeanwhile
    row = files.insert().values(
        sha256=manifest.sha256,
        size=manifest.size,
        format=manifest.format,
        manifest_id=ids[manifest_digest],
        created_at=now,
    )
    file_id = int(tx.execute(row).inserted_primary_key[0])  # type: ignore[index]
    _add_parts(tx, file_id, manifest, ids)
    return file_id


def _add_parts(tx: Transaction, file_id: int, manifest: Manifest, ids: Mapping[Digest, int]) -> None:
    rows, start = [], 0
    for position, part in enumerate(manifest.parts):
        rows.append(
            {
                "file_id": file_id,
                "position": position,
                "start": start,
                "length": part.length,
                "object_id": ids[part.digest],
            }
        )
        start += part.length
    for batch in batches(rows, _ROWS):
        tx.execute(parts.insert(), batch)


def revive_file(tx: Transaction, sha256: str) -> int:
    """A known file is needed again: gc may have condemned it. Its row id; FreedMeanwhile if gc has freed it."""
    row = tx.execute(files.update().where(files.c.sha256 == sha256).values(condemned_at=None).returning(files.c.id))
    file_id = row.scalar_one_or_none()
    if file_id is None:
        raise FreedMeanwhile
    return int(file_id)


def note_stray(tx: Transaction, pack_id: str, size: int, now: float) -> None:
    """Note a pack that no row speaks of, with its size in bytes."""
    tx.execute(_insert_new(tx, packs).values(id=pack_id, state=STRAY, size=size, content=0, changed_at=now))


def forget_packs(tx: Transaction, pack_ids: Iterable[str]) -> None:
    """Packs are not in the storage any more."""
    for batch in batches(pack_ids):
        tx.execute(packs.delete().where(packs.c.id.in_(batch)))
