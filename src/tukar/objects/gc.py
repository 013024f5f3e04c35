"""Garbage collection: condemn, wait, delete.

1. A file that no root needs is condemned; one that a root needs again is revived (a commit does that itself, inside its
   transaction).
2. A file that has been condemned for the grace period, and that still no root needs, is freed.
3. Objects that no file needs, nor another object as its base, and that nobody holds, are freed. A landing that took
   such an object for stored finds out when it registers, and lands again.
4. Packs are compacted (``compaction``), and what is dead is deleted.

A pack's row is written before the pack, and deleted after it; an object's row is deleted before its bytes. So a crash
at any point leaves rows without harm, never a row whose bytes are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.objects import compaction, index
from tukar.objects.index import LANDING
from tukar.objects.packing import drop_packs
from tukar.objects.tables import bases, files, held_objects, objects, packs, parts
from tukar.storage.base import Storage

_FILES: Final = 500  # freed in one transaction: others wait for it
_OBJECTS: Final = 5000

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
        freed_bytes: bytes of the packs that were deleted, less those of the packs that were written in their stead.
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
        freed_files = self._free_files(now - grace)
        with self.database.read() as tx:
            waiting = tx.execute(sa.select(sa.func.count()).where(files.c.condemned_at.is_not(None))).scalar_one()
        freed_objects = self._free_objects()
        rewritten = compaction.rewrite_sparse(self.database, self.storage, now, grace)
        buried = compaction.bury(self.database, self.storage, now, grace)
        return Collected(condemned, waiting, freed_files, freed_objects, buried - rewritten.nbytes, rewritten.packs)

    def _needed(self) -> sa.CompoundSelect[int]:
        nothing = sa.select(files.c.id).where(sa.false())
        return sa.union_all(nothing, *self.roots())

    def _unneeded(self, condition: sa.ColumnElement[bool]) -> sa.CompoundSelect[int]:
        # EXCEPT, because NOT IN with a large subquery takes quadratic time on PostgreSQL.
        needed = self._needed().subquery()
        return sa.select(files.c.id).where(condition).except_(sa.select(needed.c[0]))

    def _condemn(self, tx: Transaction, now: float) -> int:
        needed_again = files.c.condemned_at.is_not(None) & files.c.id.in_(self._needed())
        tx.execute(files.update().where(needed_again).values(condemned_at=None))
        unneeded = files.c.id.in_(self._unneeded(files.c.condemned_at.is_(None)))
        return tx.execute(files.update().where(unneeded).values(condemned_at=now)).rowcount

    def _free_files(self, condemned_until: float) -> int:
        freed = 0
        due = self._unneeded(files.c.condemned_at <= condemned_until).limit(_FILES)
        while True:
            with self.database.write() as tx:
                ids = list(tx.execute(due).scalars())
                if not ids:
                    return freed
                self.freeing(tx, ids)
                tx.execute(parts.delete().where(parts.c.file_id.in_(ids)))
                tx.execute(files.delete().where(files.c.id.in_(ids)))
            freed += len(ids)

    def _free_objects(self) -> int:
        unused = ~sa.exists().where(parts.c.object_id == objects.c.id)
        unused &= ~sa.exists().where(files.c.manifest_id == objects.c.id)
        unused &= ~sa.exists().where(held_objects.c.object_id == objects.c.id)
        unused &= ~sa.exists().where(bases.c.base_id == objects.c.id)
        freed = 0
        while True:  # once what is stored as a difference is freed, its base may be
            with self.database.read() as tx:  # it takes a while to look at all of them: nobody waits for that
                ids = list(tx.execute(sa.select(objects.c.id).where(unused)).scalars())
            before = freed
            for batch in index.batches(ids, _OBJECTS):
                with self.database.write() as tx:
                    for some in index.batches(batch):
                        freed += tx.execute(objects.delete().where(objects.c.id.in_(some), unused)).rowcount
            if freed == before:
                return freed


def sweep_landings(database: Database, storage: Storage) -> None:
    """Drop every landing that was not registered. Only for who knows that no landing is under way."""
    with database.read() as tx:
        left = list(tx.execute(sa.select(packs.c.id).where(packs.c.state == LANDING)).scalars())
    drop_packs(database, storage, left)
