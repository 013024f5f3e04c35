"""What a check found damaged: nothing new is built on it, and it is whole again once its bytes have arrived again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.objects.index import batches, object_row
from tukar.objects.packs import Record
from tukar.objects.tables import bases, damages, files, objects, packs, parts
from tukar.types import Digest


def note(database: Database, pack_id: str, object_ids: Collection[int], now: float, *, damaged: bool) -> bool:
    """Note whether a pack is damaged, and which of its objects are. Returns whether there are new ones among these.

    An object that is in another pack by now is left out.
    """
    inside = sa.select(objects.c.id).where(objects.c.pack_id == pack_id)
    with database.read() as tx:
        before = set(tx.execute(sa.select(damages.c.object_id).where(damages.c.object_id.in_(inside))).scalars())
        was_damaged = tx.scalar(sa.select(packs.c.damaged).where(packs.c.id == pack_id))
    found = set(object_ids)
    if (found, damaged) == (before, was_damaged):
        return False
    with database.write() as tx:
        tx.execute(packs.update().where(packs.c.id == pack_id).values(damaged=damaged))
        tx.execute(damages.delete().where(damages.c.object_id.in_(inside)))
        for batch in batches(found):
            ours = sa.select(objects.c.id, sa.literal(now)).where(objects.c.id.in_(batch), objects.c.pack_id == pack_id)
            tx.execute(damages.insert().from_select(["object_id", "found_at"], ours))
    return not found <= before


def damaged_objects(tx: Transaction, object_ids: Iterable[int]) -> set[int]:
    """The damaged ones among these objects."""
    found: set[int] = set()
    for batch in batches(object_ids):
        found.update(tx.execute(sa.select(damages.c.object_id).where(damages.c.object_id.in_(batch))).scalars())
    return found


def damaged_digests(tx: Transaction, digests: Iterable[Digest]) -> set[Digest]:
    """The damaged ones among these objects, by their digests."""
    found: set[Digest] = set()
    query = sa.select(objects.c.digest).join_from(objects, damages)
    for batch in batches(digests):
        found.update(map(Digest, tx.execute(query.where(objects.c.digest.in_(batch))).scalars()))
    return found


def damaged_files(tx: Transaction, sha256s: Iterable[str]) -> set[str]:
    """The files among these, by sha256, of which something is damaged."""
    if not tx.scalar(sa.select(sa.exists().select_from(damages))):  # as it should be
        return set()
    holds = sa.exists().where(parts.c.file_id == files.c.id, parts.c.object_id == damages.c.object_id)
    described = sa.exists().where(files.c.manifest_id == damages.c.object_id)
    found: set[str] = set()
    for batch in batches(sha256s):
        query = sa.select(files.c.sha256).where(files.c.sha256.in_(batch), holds | described)
        found.update(tx.execute(query).scalars())
    return found


def mend(tx: Transaction, pack_id: str, records: Sequence[Record]) -> None:
    """Objects are whole in a pack: those that are damaged where they were are in this one from now on.

    With them what is stored as a difference to them is taken for whole.
    """
    if not tx.scalar(sa.select(sa.exists().select_from(damages))):
        return
    whole = {bytes(record.digest): record for record in records if not record.bases}
    for batch in batches(whole):
        elsewhere = objects.c.digest.in_(batch) & (objects.c.pack_id != pack_id)
        query = sa.select(objects.c.id, objects.c.digest).join_from(objects, damages).where(elsewhere)
        for object_id, digest in tx.execute(query).all():
            row = object_row(pack_id, whole[bytes(digest)])
            tx.execute(objects.update().where(objects.c.id == object_id).values(row))
            tx.execute(bases.delete().where(bases.c.object_id == object_id))
            _forget(tx, object_id)


def _forget(tx: Transaction, object_id: int) -> None:
    """An object is whole again, and with it what could not be decoded without it; the next check sees if it is not."""
    users = {object_id}
    while users:
        found: set[int] = set()
        for batch in batches(users):
            tx.execute(damages.delete().where(damages.c.object_id.in_(batch)))
            found.update(tx.execute(sa.select(bases.c.object_id).where(bases.c.base_id.in_(batch))).scalars())
        users = found  # which are deeper: it ends
