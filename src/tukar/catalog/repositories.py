"""Repositories: made, found, listed and deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from tukar.catalog import rights, tables, users
from tukar.catalog.text import is_storable
from tukar.catalog.values import Identity, Repository
from tukar.database import Transaction
from tukar.errors import Conflict, RepoNotFound
from tukar.objects.index import batches
from tukar.objects.tables import files
from tukar.types import RepoId, RepoType

Order = Literal["created_at", "updated_at"]

_COLUMNS = tables.repositories.c


class RepositoryExists(Conflict):
    """The name is taken. ``repository`` is the one that has it."""

    def __init__(self, repository: Repository) -> None:
        super().__init__(f"there is a {repository.type} {repository} already", hint="use it, or choose another name")
        self.repository = repository


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of a listing ended: what its last repository is sorted by."""

    time: float
    id: int


def create(tx: Transaction, repo_id: RepoId, *, private: bool, now: float) -> Repository:
    """Add a repository without commits; ``commits.start`` gives it the first.

    The namespace is kept as its user or organisation writes it. Whether the asker may do this is for
    ``rights.may_create`` to say.

    Raises:
        RepositoryExists: the name is taken, in whatever case.
    """
    taken = find(tx, repo_id)
    if taken is not None:
        raise RepositoryExists(taken)
    owner = users.find(tx, repo_id.namespace)
    row = {
        "type": repo_id.type,
        "namespace": repo_id.namespace if owner is None else owner.name,
        "name": repo_id.name,
        "private": private,
        "created_at": now,
        "updated_at": now,
    }
    result = tx.execute(sa.insert(tables.repositories).values(row).returning(*_COLUMNS))
    return Repository(**result.one()._mapping)


def get(tx: Transaction, identity: Identity, repo_id: RepoId) -> Repository:
    """The repository of that name, in whatever case.

    Raises:
        RepoNotFound: there is none, or none that the asker may read: they cannot tell which.
    """
    repository = find(tx, repo_id)
    if repository is None or not rights.may_read(identity, repository):
        raise RepoNotFound(
            f"there is no {repo_id.type} {repo_id}, or you may not see it",
            hint="check the name; a private repository is seen only with the token of someone who may read it",
        )
    return repository


def listing(
    tx: Transaction,
    identity: Identity,
    type: RepoType | None = None,  # noqa: A002 - the field's own word
    *,
    author: str | None = None,
    search: str | None = None,
    order: Order = "created_at",
    after: Cursor | None = None,
    limit: int = 100,
) -> list[Repository]:
    """The repositories that the asker may read, newest first.

    Args:
        author: only those of this namespace.
        search: only those with this text in ``namespace/name``, in whatever case.
        order: the time to sort by.
        after: where the page before ended; see ``cursor``.
        limit: how many at most.
    """
    if not is_storable(f"{author}{search}"):
        return []
    query = sa.select(tables.repositories).where(rights.readable(identity))
    if type is not None:
        query = query.where(_COLUMNS.type == type)
    if author is not None:
        query = query.where(sa.func.lower(_COLUMNS.namespace) == author.lower())
    if search:
        full_name = sa.func.lower(_COLUMNS.namespace + "/" + _COLUMNS.name)
        query = query.where(full_name.contains(search.lower(), autoescape=True))
    time = _COLUMNS[order]
    if after is not None:
        query = query.where((time < after.time) | ((time == after.time) & (_COLUMNS.id < after.id)))
    rows = tx.execute(query.order_by(time.desc(), _COLUMNS.id.desc()).limit(limit))
    return [Repository(**row._mapping) for row in rows]


def cursor(repository: Repository, order: Order = "created_at") -> Cursor:
    """Where a page that ends with this repository ends."""
    return Cursor(repository.created_at if order == "created_at" else repository.updated_at, repository.id)


def count_in(tx: Transaction, namespace: str) -> int:
    """How many there are in a namespace, of all types, whoever may read them."""
    query = sa.select(sa.func.count()).select_from(tables.repositories)
    return int(tx.execute(query.where(sa.func.lower(_COLUMNS.namespace) == namespace.lower())).scalar_one())


def delete(tx: Transaction, repository: Repository) -> None:
    """Forget a repository with all of its history. Its files go once ``gc`` finds that nothing else needs them."""
    # In this order, and not by cascade, because refs must go before the commits that they name.
    for table in (tables.refs, tables.commits, tables.tree_entries, tables.repository_files):
        tx.execute(sa.delete(table).where(table.c.repository_id == repository.id))
    tx.execute(sa.delete(tables.repositories).where(_COLUMNS.id == repository.id))


def touch(tx: Transaction, repository: Repository, now: float) -> None:
    """Note that the repository was changed at ``now``."""
    _update(tx, repository, updated_at=now)


def set_card(tx: Transaction, repository: Repository, card: str | None) -> None:
    """Keep the card's metadata, as JSON text; None where there is no card."""
    _update(tx, repository, card=card)


def used_storage(tx: Transaction, repositories: Iterable[Repository]) -> dict[int, int]:
    """The bytes of all files that any commit links, each counted once, by repository id. Raw sizes, not stored ones."""
    links = tables.repository_files.c
    query = sa.select(links.repository_id, sa.func.sum(files.c.size)).join(files, files.c.id == links.file_id)
    used = {repository.id: 0 for repository in repositories}
    for ids in batches(list(used)):
        rows = tx.execute(query.where(links.repository_id.in_(ids)).group_by(links.repository_id))
        used |= {id_: int(size) for id_, size in rows}
    return used


def find(tx: Transaction, repo_id: RepoId) -> Repository | None:
    """The repository of that name, in whatever case and whoever may read it."""
    query = sa.select(tables.repositories).where(
        _COLUMNS.type == repo_id.type,
        sa.func.lower(_COLUMNS.namespace) == repo_id.namespace.lower(),
        sa.func.lower(_COLUMNS.name) == repo_id.name.lower(),
    )
    row = tx.execute(query).first()
    return None if row is None else Repository(**row._mapping)


def _update(tx: Transaction, repository: Repository, **values: object) -> None:
    tx.execute(sa.update(tables.repositories).where(_COLUMNS.id == repository.id).values(values))
