"""What files cost in the storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.objects import index
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
        packs: of all packs: what the storage holds on disk.
    """

    files: int
    raw: int
    objects: int
    stored: int
    packs: int


Among = Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]]
"""From the column of a file's row id to a condition on it."""


def file_sizes(tx: Transaction, sha256s: Iterable[str], among: Among = lambda _: sa.true()) -> dict[str, FileSize]:
    """The sizes of those of these files that are stored. What they share is told of files that meet ``among``."""
    return {sha256: _file_size(tx, file, among) for sha256, file in index.find_files(tx, sha256s).items()}


def _file_size(tx: Transaction, file: index.StoredFile, among: Among) -> FileSize:
    mine = sa.select(parts.c.object_id).where(parts.c.file_id == file.id).distinct().subquery()
    others = sa.exists().where(
        parts.c.object_id == mine.c.object_id, parts.c.file_id != file.id, among(parts.c.file_id)
    )
    stored = sa.func.coalesce(sa.func.sum(objects.c.stored_size), 0)
    query = sa.select(stored).join_from(mine, objects, objects.c.id == mine.c.object_id)
    return FileSize(file.size, int(tx.execute(query).scalar_one()), int(tx.execute(query.where(~others)).scalar_one()))


def totals(tx: Transaction) -> Totals:
    """The sizes of everything."""

    def count_and_sum(column: sa.Column[int]) -> tuple[int, int]:
        row = tx.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(column), 0))).one()
        return int(row[0]), int(row[1])

    return Totals(*count_and_sum(files.c.size), *count_and_sum(objects.c.stored_size), count_and_sum(packs.c.size)[1])
