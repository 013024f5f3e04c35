"""Compaction: packs that hold too little are written anew, and what is dead is deleted.

1. A pack with too many dead bytes, or one of many small ones, is rewritten: what lives in it is copied, as it is stored
   and compared with its digests, into a new pack. Then, in one transaction, the objects move and the old pack is dead.
   A reader that comes too late for the old pack looks the object up again.
2. Dead packs are deleted, then strays: blobs that no row speaks of, left by a crash between two steps.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from tukar.database import Database
from tukar.errors import Corrupt, NotFound
from tukar.objects import index
from tukar.objects.index import DEAD, LANDING, LIVE, Location, location_of
from tukar.objects.packs import PREFIX, PackWriter, key
from tukar.objects.tables import objects, packs
from tukar.storage.base import Storage
from tukar.types import Digest

_DEAD_SHARE: Final = 0.1  # rewriting costs a copy of the rest: worth it from here on
_SMALL: Final = 8 << 20
_MANY_SMALL: Final = 8
_GROUP: Final = 128 << 20  # living bytes that are rewritten into one new pack
_GROUP_PACKS: Final = 500  # what one IN list may hold
_DESCRIPTION: Final = 256  # bytes that an object costs beside its blocks, in the footer and while it is moved
_ABANDONED: Final = 86_400.0  # a landing of another process that has not moved for so long is not alive


def rewrite_sparse(database: Database, storage: Storage, now: float) -> int:
    """Rewrite the packs that are worth it; returns how many. Damaged ones are left as they are, for check to report."""
    return sum(_rewrite_sound(database, storage, group, now) for group in _sparse(database))


def _rewrite_sound(database: Database, storage: Storage, group: Sequence[str], now: float) -> int:
    try:
        return _rewrite(database, storage, group, now)
    except (Corrupt, NotFound):  # one of them is damaged or lost: the others need not wait for it
        if len(group) == 1:
            return 0
        half = len(group) // 2
        return sum(_rewrite_sound(database, storage, some, now) for some in (group[:half], group[half:]))


def _sparse(database: Database) -> list[list[str]]:
    live = sa.func.coalesce(sa.func.sum(objects.c.stored_size), 0)
    query = (
        sa.select(
            packs.c.id, packs.c.size, packs.c.content, live.label("live"), sa.func.count(objects.c.id).label("held")
        )
        .join_from(packs, objects, objects.c.pack_id == packs.c.id, isouter=True)
        .where(packs.c.state == LIVE)
        .group_by(packs.c.id, packs.c.size, packs.c.content)
    )
    with database.read() as tx:
        rows = tx.execute(query).all()
    small = {row.id for row in rows if row.size < _SMALL}
    merge = small if len(small) >= _MANY_SMALL else set()
    wanted = [row for row in rows if row.id in merge or row.content - row.live > _DEAD_SHARE * row.content]
    return list(_groups((row.id, int(row.live) + row.held * _DESCRIPTION) for row in wanted))


def _groups(sized: Iterator[tuple[str, int]]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for pack_id, live in sized:
        group.append(pack_id)
        size += live
        if size >= _GROUP or len(group) == _GROUP_PACKS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _rewrite(database: Database, storage: Storage, group: Sequence[str], now: float) -> int:
    with database.read() as tx:
        rows = tx.execute(sa.select(objects).where(objects.c.pack_id.in_(group)).order_by(objects.c.id)).all()
    old = [location_of(row) for row in rows]
    new = _copy(database, storage, old, now) if old else None
    with database.write() as tx:
        if new is not None:
            index.publish_pack(tx, new.id, new.size, new.records, now)
            index.move_objects(tx, old, new.records, new.id)
        tx.execute(packs.update().where(packs.c.id.in_(group)).values(state=DEAD, changed_at=now))
    return len({location.pack_id for location in old})


def _copy(database: Database, storage: Storage, locations: Sequence[Location], now: float) -> PackWriter:
    pack_id = secrets.token_hex(16)
    with database.write() as tx:
        index.begin_pack(tx, pack_id, now)
    try:
        with PackWriter(storage, pack_id) as pack:
            for location in locations:
                pack.copy(location.record, stored_blocks(storage, location))
    except BaseException:
        with database.write() as tx:
            index.forget_landing(tx, [pack_id])
        raise
    return pack


def stored_blocks(storage: Storage, location: Location) -> Iterator[bytes]:
    """An object's blocks as they are stored, each compared with its digest; Corrupt at the first that differs."""
    for block in location.record.blocks():
        data = storage.read(key(location.pack_id), block.start, block.start + block.stored_size)
        if Digest.of(data) != block.stored_digest:
            raise Corrupt(f"object {location.record.digest}: a stored block is damaged", hint="run `tukar check`")
        yield data


def bury(database: Database, storage: Storage, now: float) -> None:
    """Delete dead packs, abandoned landings and strays."""
    abandoned = (packs.c.state == LANDING) & (packs.c.changed_at < now - _ABANDONED)
    empty = ~sa.exists().where(objects.c.pack_id == packs.c.id)
    with database.write() as tx:  # before its blob: whoever yet wants to register such a landing finds it gone
        gone = list(tx.execute(sa.select(packs.c.id).where((packs.c.state == DEAD) | abandoned, empty)).scalars())
        for batch in index.batches(gone):
            tx.execute(packs.delete().where(packs.c.id.in_(batch)))
    for pack_id in gone:
        storage.delete(key(pack_id))
    _delete_strays(database, storage)


def _delete_strays(database: Database, storage: Storage) -> None:
    # The listing comes first: a pack's row is older than its blob.
    for batch in index.batches([stat.key for stat in storage.list(PREFIX)]):
        blobs = {blob.rpartition("/")[2]: blob for blob in batch}
        with database.read() as tx:
            known = set(tx.execute(sa.select(packs.c.id).where(packs.c.id.in_(blobs))).scalars())
        for pack_id in blobs.keys() - known:
            storage.delete(blobs[pack_id])
