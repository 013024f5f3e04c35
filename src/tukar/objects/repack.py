"""Repacking: tensors that landed plain are encoded anew, as differences to their relatives where that is shorter.

For each file in the order in which they came, and for each of its tensors:

1. It is sketched, and its likely relatives are found among the sketches of all tensors (``relatives``).
2. It is encoded as a difference to each of these, and by itself unless that is longer anyway; of one that is too large
   to be held, a few blocks are (``reencoding``).
3. The shortest of these is written to a new pack.

Once a pack is full, and durable, all of it is read back and decoded, and compared with the objects' digests. Then the
objects move there, some hundreds in a transaction, so that nobody waits long. The old bytes stay for the grace period,
so that who reads them goes on; gc frees them (``compaction``). What is left of a run that was cut off is a pack that
nobody knows of, which is dropped, or one to which some objects have not moved: what they would be there is dead weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tukar import formats
from tukar.database import Database, Transaction
from tukar.errors import TukarError, Unavailable
from tukar.objects import cutting
from tukar.objects.cache import BlockCache
from tukar.objects.damage import damaged_files
from tukar.objects.index import StoredFile, location_of
from tukar.objects.packs import CONTENT
from tukar.objects.reading import FileReader
from tukar.objects.reencoding import Prepared, Preparing, Tensor
from tukar.objects.replacing import Repacked, Replacement, Unreadable
from tukar.objects.tables import damages, files, objects, parts, sketches
from tukar.objects.workers import CORES, Workers
from tukar.storage.base import Storage

PACK_SIZE: Final = 128 << 20
THREADS: Final = min(CORES, 4)  # each holds what it has encoded until it is written

Progress = Callable[[int], None]
"""Called with the number of raw bytes that have been dealt with since the last call. It may raise, to stop."""


@dataclass(slots=True)
class Repacker:
    """Repacking of one database and storage, while both are in use. One at a time.

    Attributes:
        now: the time, in seconds. A run may take days: a pack that seems to be from its start is taken for abandoned.
        goes_on: asked before each tensor; if not, what was encoded is kept, and the run ends.
        threads: that encode and compare; others go first.
        on_saved: called with how many bytes less is taken by what has moved since the last call.
    """

    database: Database
    storage: Storage
    now: Callable[[], float]
    on_progress: Progress = lambda _: None
    goes_on: Callable[[], bool] = lambda: True
    pack_size: int = PACK_SIZE
    threads: int = THREADS
    on_saved: Progress = lambda _: None

    def run(self) -> Repacked:
        """Repack every file that was not yet, as long as it goes on."""
        done = Repacked()
        with Workers(self.threads) as workers:
            preparing = Preparing(self.database, self.storage)
            while self.goes_on() and (file := self._next()) is not None:
                done += self._repack(file, preparing, workers)
        return done

    def _next(self) -> StoredFile | None:
        query = sa.select(files).where(files.c.repacked_at.is_(None)).order_by(files.c.id).limit(1)
        with self.database.read() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else StoredFile(row.id, row.sha256, row.size, row.format)

    def _repack(self, file: StoredFile, preparing: Preparing, workers: Workers) -> Repacked:
        done, tensors = Repacked(), self._readable_tensors(file)
        while tensors:
            with closing(workers.ahead(preparing.prepare, tensors)) as prepared:
                more, tensors = self._encode(tensors, prepared, preparing, workers)
            done += more
            if not self.goes_on():
                return done
        with self.database.write() as tx:
            tx.execute(files.update().where(files.c.id == file.id).values(repacked_at=self.now()))
        return done + Repacked(files=1)

    def _encode(
        self, tensors: list[Tensor], prepared: Iterator[Prepared], preparing: Preparing, workers: Workers
    ) -> tuple[Repacked, list[Tensor]]:
        """Encode tensors, pack after pack; those that are left are to be prepared anew, unless it does not go on."""
        done = Repacked()
        while tensors:
            new = Replacement(
                self.database, self.storage, preparing, workers, self.now, self.on_progress, self.on_saved
            )
            try:
                left = new.take(tensors, prepared, self.pack_size, self.goes_on)
                done += new.finish()
            except Unreadable as error:
                new.abandon()
                return done, [tensor for tensor in tensors if tensor is not error.tensor]
            except BaseException:
                new.abandon()
                raise
            if new.lost or not self.goes_on():
                return done, new.lost + left
            tensors = left
        return done, tensors

    def _readable_tensors(self, file: StoredFile) -> list[Tensor]:
        """None of a file whose layout is damaged: that is for check to report."""
        try:
            return self._tensors(file)
        except Unavailable:
            with self.database.read() as tx:
                if not damaged_files(tx, [file.sha256]):
                    raise  # the storage is away: later
        except TukarError:
            pass
        return []

    def _tensors(self, file: StoredFile) -> list[Tensor]:
        """The tensors of a file that have not been looked at, each object once."""
        reader = FileReader(self.database, self.storage, BlockCache(0), file)
        layout = formats.open_file(reader)
        named = {(piece.start, piece.stop): piece.tensor for piece in cutting.pieces(layout, file.size) if piece.tensor}
        query = (
            sa.select(parts.c.start, parts.c.length, *objects.c)
            .join_from(parts, objects, parts.c.object_id == objects.c.id)
            .where(parts.c.file_id == file.id, objects.c.kind == CONTENT)
            .where(~sa.exists().where(sketches.c.object_id == objects.c.id))
            .where(~sa.exists().where(damages.c.object_id == objects.c.id))
            .order_by(parts.c.start)
        )
        with self.database.read() as tx:
            rows = tx.execute(query).all()
        found: dict[int, Tensor] = {}
        for row in rows:
            info = named.get((row.start, row.start + row.length))
            if info is not None:
                found.setdefault(row.id, Tensor(row.id, location_of(row), info))
        return list(found.values())


def pending(tx: Transaction) -> tuple[int, int]:
    """How many files were not repacked yet, and their raw bytes."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(files.c.size), 0))
    row = tx.execute(query.where(files.c.repacked_at.is_(None))).one()
    return int(row[0]), int(row[1])
