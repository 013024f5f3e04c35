"""What files cost in the storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.objects import index
from tukar.objects.packs import COUNT, HEADER, RECORD, TRAILER
from tukar.objects.tables import files, objects, packs, parts


@dataclass(frozen=True, slots=True)
class FileSize:
    """Bytes of one file.

    Attributes:
        raw: as it was pushed.
        stored: of all its objects as they are stored, each once.
        own: of these, what no other file uses: what would be freed with it.
    """

    raw: int
    stored: int
    own: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Bytes of the whole store.

    Attributes:
        files: how many there are.
        raw: of all files, as they were pushed.
        objects: how many there are.
        stored: of all objects, as they are stored.
        needed: of the packs, once what nothing needs is gone from them: what was freed, and what was superseded.
        packs: of all packs: what the storage holds now.
    """

    files: int
    raw: int
    objects: int
    stored: int
    needed: int
    packs: int


Among = Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]]
"""From the column of a file's row id to a condition on it."""


def file_sizes(tx: Transaction, sha256s: Iterable[str], among: Among = lambda _: sa.true()) -> dict[str, FileSize]:
    """The sizes of those of these files that are stored. What they share is told of files that meet ``among``."""
    stored = index.find_files(tx, sha256s)
    costs: dict[int, tuple[int, int]] = {}
    for batch in index.batches(file.id for file in stored.values()):
        costs |= _costs(tx, batch, among)
    return {sha256: FileSize(file.size, *costs.get(file.id, (0, 0))) for sha256, file in stored.items()}


def _costs(tx: Transaction, file_ids: Sequence[int], among: Among) -> dict[int, tuple[int, int]]:
    """By row id of a file: the stored bytes of all its objects, and of those that no other file uses."""
    mine = sa.select(parts.c.file_id, parts.c.object_id).where(parts.c.file_id.in_(file_ids)).distinct().subquery()
    others = sa.exists().where(
        parts.c.object_id == mine.c.object_id, parts.c.file_id != mine.c.file_id, among(parts.c.file_id)
    )
    stored = sa.func.sum(objects.c.stored_size)
    own = sa.func.sum(sa.case((~others, objects.c.stored_size), else_=0))
    query = sa.select(mine.c.file_id, stored, own).join_from(mine, objects, objects.c.id == mine.c.object_id)
    return {row[0]: (int(row[1]), int(row[2])) for row in tx.execute(query.group_by(mine.c.file_id))}


def totals(tx: Transaction) -> Totals:
    """The sizes of everything."""

    def count_and_sum(column: sa.Column[int]) -> tuple[int, int]:
        row = tx.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(column), 0))).one()
        return int(row[0]), int(row[1])

    counts = (*count_and_sum(files.c.size), *count_and_sum(objects.c.stored_size))
    pack_count, pack_bytes = count_and_sum(packs.c.size)
    c = objects.c
    described = sum(sa.func.coalesce(sa.func.length(each), 0) for each in (c.meta, c.blocks, c.bases)) + RECORD.size
    records = int(tx.execute(sa.select(sa.func.coalesce(sa.func.sum(described), 0)).select_from(objects)).scalar_one())
    around = len(HEADER) + COUNT.size + TRAILER.size
    return Totals(*counts, min(counts[3] + records + pack_count * around, pack_bytes), pack_bytes)
