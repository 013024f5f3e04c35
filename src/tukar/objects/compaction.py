"""Compaction: packs that hold too little are written anew, and what is dead is deleted.

1. A pack with too many dead bytes, one of many small ones, or one of which only dead bytes are damaged, is rewritten:
   what lives in it is copied, as it is stored and compared with its digests, into a new pack, which is read back. Then,
   in one transaction, the objects move and the old pack is dead. A reader that comes too late for the old pack looks
   its parts up again.
2. Packs that are dead, abandoned by a landing, or strays for long enough are deleted, and then their rows.

A stray is a pack that no row speaks of. The row is written before the pack and deleted after it, so a stray is left
only by a power cut, or by a database that was lost or restored. In the latter case it may hold what people need: it is
noted, and kept for the grace period as a file is.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tukar.database import Database
from tukar.errors import Corrupt, NotFound
from tukar.objects import index, registration
from tukar.objects.index import DEAD, LANDING, LIVE, STRAY, Location, location_of
from tukar.objects.packing import drop_packs
from tukar.objects.packs import PREFIX, Record, key, pack_id_of, read_footer
from tukar.objects.tables import damages, objects, packs
from tukar.objects.window import Window
from tukar.objects.writing import MAX_RECORDS, PackWriter
from tukar.storage.base import Stat, Storage
from tukar.types import Digest

_DEAD_SHARE: Final = 0.1  # rewriting costs a copy of the rest: worth it from here on
_SMALL: Final = 8 << 20
_MANY_SMALL: Final = 8
_GROUP: Final = 128 << 20  # living bytes that are rewritten into one new pack
_PACKS: Final = 500  # of one group
_PACK: Final = (packs.c.id, packs.c.size, packs.c.content)
_ABANDONED: Final = 86_400.0  # a landing of another process that has not moved for so long is not alive


@dataclass(frozen=True, slots=True)
class Rewritten:
    """How many packs were rewritten, and the bytes of the new ones."""

    packs: int = 0
    nbytes: int = 0


class _Damaged(Exception):
    """A pack cannot be copied."""

    def __init__(self, pack_id: str) -> None:
        super().__init__(pack_id)
        self.pack_id = pack_id


def rewrite_sparse(database: Database, storage: Storage, now: float, grace: float) -> Rewritten:
    """Rewrite the packs that are worth it. Damaged and missing ones are left as they are, for check to report.

    So are those of which objects were encoded anew in the last ``grace`` seconds: somebody may be reading them.
    """
    count = nbytes = 0
    for group in _sparse(database, now - grace):
        done = _rewrite_healthy(database, storage, group, now)
        count, nbytes = count + done.packs, nbytes + done.nbytes
    return Rewritten(count, nbytes)


def _sparse(database: Database, superseded_until: float) -> list[list[str]]:
    live = sa.func.coalesce(sa.func.sum(objects.c.stored_size), 0)
    count = sa.func.count(objects.c.id)
    hurt = sa.func.count(damages.c.object_id)
    query = (
        sa.select(*_PACK, live.label("live"), count.label("n"), (packs.c.damaged & (hurt == 0)).label("mended"))
        .join_from(packs, objects, objects.c.pack_id == packs.c.id, isouter=True)
        .join(damages, damages.c.object_id == objects.c.id, isouter=True)
        .where(packs.c.state == LIVE)
        .where(packs.c.superseded_at.is_(None) | (packs.c.superseded_at <= superseded_until))
        .group_by(*_PACK, packs.c.damaged)
        .order_by(packs.c.id)
    )
    with database.read() as tx:
        rows = tx.execute(query).all()
    small = {row.id for row in rows if row.size < _SMALL}
    merge = small if len(small) >= _MANY_SMALL else set()
    merge |= {row.id for row in rows if row.n == 0 or row.mended}
    wanted = [row for row in rows if row.id in merge or row.content - row.live > _DEAD_SHARE * row.content]
    return list(_groups((row.id, int(row.live), row.n) for row in wanted))


def _groups(sized: Iterable[tuple[str, int, int]]) -> Iterator[list[str]]:
    group: list[str] = []
    size = count = 0
    for pack_id, live, living in sized:
        group.append(pack_id)
        size, count = size + live, count + living
        if size >= _GROUP or count >= MAX_RECORDS or len(group) == _PACKS:
            yield group
            group, size, count = [], 0, 0
    if group:
        yield group


def _rewrite_healthy(database: Database, storage: Storage, group: Collection[str], now: float) -> Rewritten:
    left = set(group)
    while left:
        try:
            return _rewrite(database, storage, left, now)
        except _Damaged as damaged:
            left.remove(damaged.pack_id)
    return Rewritten()


def _rewrite(database: Database, storage: Storage, group: Collection[str], now: float) -> Rewritten:
    query = sa.select(objects).where(objects.c.pack_id.in_(group)).order_by(objects.c.pack_id, objects.c.offset)
    with database.read() as tx:
        old = [location_of(row) for row in tx.execute(query)]
    new = _copy(database, storage, old, now) if old else None
    with database.write() as tx:
        if new is not None:
            registration.make_live(tx, new.id, new.size, new.records, now)
            registration.move_objects(tx, zip(old, new.records, strict=True), new.id)
        # Not what has got more objects since they were copied, as repacking moves them there little by little.
        empty = ~sa.exists().where(objects.c.pack_id == packs.c.id)
        tx.execute(packs.update().where(packs.c.id.in_(group), empty).values(state=DEAD, changed_at=now))
    return Rewritten(len({location.pack_id for location in old}), new.size if new else 0)


def _copy(database: Database, storage: Storage, locations: Sequence[Location], now: float) -> PackWriter:
    pack_id = secrets.token_hex(16)
    with database.write() as tx:
        registration.begin_pack(tx, pack_id, now)
    try:
        with PackWriter(storage, pack_id) as pack:
            for location, window in _with_windows(storage, locations):
                _copy_object(pack, location, window)
        _read_back(storage, pack)
    except BaseException:
        drop_packs(database, storage, [pack_id])
        raise
    return pack


def _with_windows(storage: Storage, locations: Iterable[Location]) -> Iterator[tuple[Location, Window]]:
    window: Window | None = None
    for location in locations:
        if window is None or window.key != key(location.pack_id):
            try:
                window = Window(storage, key(location.pack_id))
            except NotFound as error:
                raise _Damaged(location.pack_id) from error
        yield location, window


def _copy_object(pack: PackWriter, location: Location, window: Window) -> None:
    def stored() -> Iterator[memoryview]:
        try:
            yield from _stored_blocks(location.record, window)
        except (Corrupt, NotFound) as error:
            raise _Damaged(location.pack_id) from error

    pack.copy(location.record, stored())


def _stored_blocks(record: Record, window: Window) -> Iterator[memoryview]:
    """An object's blocks as they are stored, each compared with its digest; Corrupt at the first that differs."""
    for block in record.blocks():
        data = window.read(block.start, block.stop)
        if Digest.of(data) != block.stored_digest:
            raise Corrupt(f"object {record.digest}: a stored block is damaged", hint="run `tukar check`")
        yield data


def _read_back(storage: Storage, pack: PackWriter) -> None:
    """Corrupt unless all of the pack is as it was written."""
    if read_footer(storage, pack.id) != pack.records:
        raise Corrupt(f"pack {pack.id} was not stored as it was written")
    window = Window(storage, key(pack.id))
    for record in pack.records:
        for _ in _stored_blocks(record, window):
            pass


def bury(database: Database, storage: Storage, now: float, grace: float) -> int:
    """Delete dead packs, abandoned landings, and what was noted as stray ``grace`` seconds ago; returns their bytes."""
    _note_strays(database, storage, now)
    abandoned = (packs.c.state == LANDING) & (packs.c.changed_at < now - _ABANDONED)
    strayed = (packs.c.state == STRAY) & (packs.c.changed_at <= now - grace)
    with database.write() as tx:  # which a landing that is alive after all notices when it registers
        tx.execute(packs.update().where(abandoned | strayed).values(state=DEAD, changed_at=now))
    empty = ~sa.exists().where(objects.c.pack_id == packs.c.id)
    with database.read() as tx:
        dead = tx.execute(sa.select(packs.c.id, packs.c.size).where(packs.c.state == DEAD, empty)).all()
    drop_packs(database, storage, [row.id for row in dead])
    return sum(row.size for row in dead)


def _note_strays(database: Database, storage: Storage, now: float) -> None:
    for batch in index.batches(strays(database, storage)):
        with database.write() as tx:
            for stat in batch:
                registration.note_stray(tx, str(pack_id_of(stat.key)), stat.size, now)


def strays(database: Database, storage: Storage) -> Iterator[Stat]:
    """The packs that no row speaks of."""
    # The listing comes first: a pack's row is there before it and after it.
    found = (stat for stat in storage.list(PREFIX) if pack_id_of(stat.key))
    for batch in index.batches(found):
        ids = [pack_id_of(stat.key) for stat in batch]
        with database.read() as tx:
            known = set(tx.execute(sa.select(packs.c.id).where(packs.c.id.in_(ids))).scalars())
        yield from (stat for stat, pack_id in zip(batch, ids, strict=True) if pack_id not in known)
