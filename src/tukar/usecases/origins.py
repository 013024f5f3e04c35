"""Where what others are stored as differences to can be found, as far as the asker may know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tukar.catalog import possessions, revisions, rights, tables, trees
from tukar.catalog.revisions import DEFAULT_BRANCH
from tukar.catalog.values import Identity, Repository
from tukar.database import Transaction
from tukar.objects.index import batches
from tukar.objects.tables import files, parts
from tukar.types import RepoType


@dataclass(frozen=True, slots=True)
class Origin:
    """A file, and a repository that has it and the asker may read.

    Attributes:
        path: of the file on the default branch; None where only earlier commits have it.
    """

    repository: str
    type: RepoType
    path: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Place:
    """The first file that has an object, by its row id, and the first byte of the object in it."""

    file_id: int
    start: int


def places(tx: Transaction, identity: Identity, object_ids: Iterable[int]) -> Mapping[int, Place]:
    """For each of these objects, the first file that has it and that the asker may read; others are left out."""
    found: dict[int, Place] = {}
    for batch in batches(object_ids):
        rows = tx.execute(_firsts(identity, batch))
        found.update((row.object_id, Place(row.file_id, row.start)) for row in rows)
    return found


def _firsts(identity: Identity, object_ids: Sequence[int]) -> sa.Select[tuple[int, int, int]]:
    own = parts.c
    readable = own.object_id.in_(object_ids) & possessions.in_reach(identity, own.file_id)
    first = sa.select(own.object_id, sa.func.min(own.file_id).label("file_id")).where(readable).group_by(own.object_id)
    of = first.subquery().c
    same = (own.object_id == of.object_id) & (own.file_id == of.file_id)
    query = sa.select(of.object_id, of.file_id, sa.func.min(own.start).label("start"))
    return query.where(same).group_by(of.object_id, of.file_id)


def origins(tx: Transaction, identity: Identity, file_ids: Iterable[int]) -> Mapping[int, Origin]:
    """For each of these files, by row id, where the asker may read it; others are left out."""
    links = tables.repository_files.c
    query = (
        sa.select(links.file_id, files.c.sha256, sa.func.min(links.repository_id).label("repository_id"))
        .join_from(tables.repository_files, files, files.c.id == links.file_id)
        .join(tables.repositories, tables.repositories.c.id == links.repository_id)
        .where(rights.readable(identity))
        .group_by(links.file_id, files.c.sha256)
    )
    rows = [row for batch in batches(file_ids) for row in tx.execute(query.where(links.file_id.in_(batch)))]
    found: dict[int, Origin] = {}
    for repository in _repositories(tx, {row.repository_id for row in rows}):
        paths = _paths(tx, repository)
        for row in rows:
            if row.repository_id == repository.id:
                found[row.file_id] = Origin(str(repository), repository.type, paths.get(row.sha256), row.sha256)
    return found


def _repositories(tx: Transaction, ids: Iterable[int]) -> list[Repository]:
    query = sa.select(*tables.repositories.c)
    found = [row for batch in batches(ids) for row in tx.execute(query.where(tables.repositories.c.id.in_(batch)))]
    return [Repository(**row._mapping) for row in found]


def _paths(tx: Transaction, repository: Repository) -> Mapping[str, str]:
    """The files of the default branch: their paths, by their SHA-256."""
    commit = revisions.head(tx, repository, revisions.full_ref(DEFAULT_BRANCH))
    if commit is None:
        return {}
    listed = trees.listing(tx, repository.id, commit.tree_oid, recursive=True)
    return {entry.sha256: entry.path for entry in reversed(listed) if entry.sha256}
