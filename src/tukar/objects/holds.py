"""What is kept although no repository needs it yet: what arrives from elsewhere, until it is published or given up."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.objects.index import FreedMeanwhile, Location, batches, location_of
from tukar.objects.scopes import Scope
from tukar.objects.tables import damages, files, held_files, held_objects, holders, objects
from tukar.types import Digest


def touch(tx: Transaction, owner: str, now: float) -> None:
    """Note that something comes for an owner, who need not be known yet."""
    changed = tx.execute(holders.update().where(holders.c.owner == owner).values(touched_at=now))
    if changed.rowcount == 0:
        tx.execute(holders.insert().values(owner=owner, touched_at=now))


def hold_objects(tx: Transaction, owner: str, object_ids: Collection[int]) -> None:
    """Keep objects for an owner who is known. FreedMeanwhile if one is not here any more."""
    for batch in batches(object_ids):
        here = set(tx.execute(sa.select(objects.c.id).where(objects.c.id.in_(batch))).scalars())
        if len(here) < len(set(batch)):
            raise FreedMeanwhile
        mine = (held_objects.c.owner == owner) & held_objects.c.object_id.in_(batch)
        new = here - set(tx.execute(sa.select(held_objects.c.object_id).where(mine)).scalars())
        if new:
            tx.execute(held_objects.insert(), [{"owner": owner, "object_id": object_id} for object_id in new])


def hold_file(tx: Transaction, owner: str, file_id: int) -> None:
    """Keep a file, which is here, for an owner who is known."""
    mine = (held_files.c.owner == owner) & (held_files.c.file_id == file_id)
    if tx.execute(sa.select(held_files.c.file_id).where(mine)).first() is None:
        tx.execute(held_files.insert().values(owner=owner, file_id=file_id))


def files_within(owner: str) -> Scope:
    """The files that are kept for an owner."""
    mine = sa.select(held_files.c.file_id).where(held_files.c.owner == owner)
    return lambda file_id: file_id.in_(mine)


def objects_of(tx: Transaction, owner: str, digests: Iterable[Digest]) -> dict[Digest, int]:
    """Those of the objects that are kept for an owner, undamaged: their row ids."""
    found: dict[Digest, int] = {}
    query = sa.select(objects.c.digest, objects.c.id).join_from(held_objects, objects)
    query = query.where(~sa.exists().where(damages.c.object_id == objects.c.id))
    for batch in batches(digests):
        mine = (held_objects.c.owner == owner) & objects.c.digest.in_(batch)
        found.update((Digest(row.digest), row.id) for row in tx.execute(query.where(mine)))
    return found


def locations_of(tx: Transaction, owner: str, digests: Iterable[Digest]) -> dict[Digest, Location]:
    """Those of the objects that are kept for an owner, undamaged: where they are."""
    found: dict[Digest, Location] = {}
    query = sa.select(objects).join_from(held_objects, objects)
    query = query.where(~sa.exists().where(damages.c.object_id == objects.c.id))
    for batch in batches(digests):
        mine = (held_objects.c.owner == owner) & objects.c.digest.in_(batch)
        for row in tx.execute(query.where(mine)):
            found[Digest(row.digest)] = location_of(row)
    return found


def files_of(tx: Transaction, owner: str) -> dict[str, int]:
    """The files that are kept for an owner: their row ids by sha256."""
    query = sa.select(files.c.sha256, files.c.id).join_from(held_files, files).where(held_files.c.owner == owner)
    return {row.sha256: row.id for row in tx.execute(query)}


def all_files() -> sa.Select[int]:
    """A SELECT of the row ids of all files that are kept for somebody: a root of garbage collection."""
    return sa.select(held_files.c.file_id)


def release(tx: Transaction, owner: str) -> None:
    """Keep nothing for an owner any more."""
    tx.execute(holders.delete().where(holders.c.owner == owner))


def untouched(tx: Transaction, prefix: str, before: float) -> list[str]:
    """The owners whose names begin so, and for whom nothing came since ``before``."""
    query = sa.select(holders.c.owner).where(holders.c.owner.startswith(prefix, autoescape=True))
    return list(tx.execute(query.where(holders.c.touched_at < before)).scalars())
