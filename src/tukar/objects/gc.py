"""Garbage collection: condemn, wait, delete.

1. A file that no root needs is condemned; one that a root needs again is revived (a commit does that itself, inside its
   transaction).
2. A file that has been condemned for the grace period, and that still no root needs, is freed, and with it every object
   that no other file needs. A landing that took such an object for stored finds out when it registers, and lands again.
3. Packs are compacted (``compaction``), and what is dead is deleted.

Rows are deleted before blobs, and a pack's row is written before its blob, so that a crash at any point leaves rows
without harm or strays, never a row whose bytes are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.objects import compaction, index
from tukar.objects.index import LANDING
from tukar.objects.packs import PREFIX, key
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.base import Storage

Roots = Callable[[], Sequence[sa.Select[int]]]
"""SELECTs of the row ids of the files that are needed."""

Freeing = Callable[[Transaction, Sequence[int]], None]
"""Called with the row ids of the files that are being freed, inside the transaction that frees them."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one run of gc did.

    Attributes:
        condemned_files: files found unneeded in this run.
        waiting_files: files that are condemned and wait for their grace period to end.
        freed_files: files freed.
        freed_objects: objects freed.
        freed_bytes: bytes that the storage holds less than before.
        rewritten_packs: packs whose living content was copied into new ones.
    """

    condemned_files: int = 0
    waiting_files: int = 0
    freed_files: int = 0
    freed_objects: int = 0
    freed_bytes: int = 0
    rewritten_packs: int = 0


@dataclass(frozen=True, slots=True)
class Collector:
    """Garbage collection over one database and storage."""

    database: Database
    storage: Storage
    roots: Roots
    freeing: Freeing

    def run(self, now: float, grace: float) -> Collected:
        """One run; ``now`` and ``grace`` in seconds."""
        with self.database.write() as tx:
            condemned = self._condemn(tx, now)
        with self.database.write() as tx:
            freed_files, freed_objects = self._free(tx, now - grace)
            waiting = tx.execute(sa.select(sa.func.count()).where(files.c.condemned_at.is_not(None))).scalar_one()
        before = stored_bytes(self.storage)
        rewritten = compaction.rewrite_sparse(self.database, self.storage, now)
        compaction.bury(self.database, self.storage, now)
        freed_bytes = before - stored_bytes(self.storage)
        return Collected(condemned, waiting, freed_files, freed_objects, freed_bytes, rewritten)

    def _needed(self) -> sa.CompoundSelect[int]:
        return sa.union_all(*self.roots())

    def _condemn(self, tx: Transaction, now: float) -> int:
        needed = files.c.id.in_(self._needed())
        tx.execute(files.update().where(files.c.condemned_at.is_not(None), needed).values(condemned_at=None))
        unneeded = files.update().where(files.c.condemned_at.is_(None), ~needed).values(condemned_at=now)
        return tx.execute(unneeded).rowcount

    def _free(self, tx: Transaction, condemned_until: float) -> tuple[int, int]:
        due = sa.select(files.c.id).where(files.c.condemned_at <= condemned_until, ~files.c.id.in_(self._needed()))
        ids = list(tx.execute(due).scalars())
        if ids:
            self.freeing(tx, ids)
        for batch in index.batches(ids):
            tx.execute(parts.delete().where(parts.c.file_id.in_(batch)))
            tx.execute(files.delete().where(files.c.id.in_(batch)))
        unused = ~sa.exists().where(parts.c.object_id == objects.c.id)
        unused &= ~sa.exists().where(files.c.manifest_id == objects.c.id)
        return len(ids), tx.execute(objects.delete().where(unused)).rowcount


def sweep_landings(database: Database, storage: Storage) -> None:
    """Drop every landing that was not registered. Only for who knows that no landing is under way."""
    with database.write() as tx:
        landing = list(tx.execute(sa.select(packs.c.id).where(packs.c.state == LANDING)).scalars())
        removed = [pack_id for batch in index.batches(landing) for pack_id in index.forget_landing(tx, batch)]
    for pack_id in removed:
        storage.delete(key(pack_id))


def stored_bytes(storage: Storage) -> int:
    """Bytes of all packs in the storage."""
    return sum(stat.size for stat in storage.list(PREFIX))
