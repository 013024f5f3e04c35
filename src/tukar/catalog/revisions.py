"""Revisions: from what people write (``main``, a commit id, ``refs/heads/main``) to a commit, and back in history."""

from __future__ import annotations

import re
from typing import Final

import sqlalchemy as sa

from tukar.catalog import tables
from tukar.catalog.text import is_storable
from tukar.catalog.values import Commit, Ref, Repository
from tukar.database import Transaction
from tukar.errors import RevisionNotFound

DEFAULT_BRANCH: Final = "main"
_SHORTEST: Final = 7  # hex digits that may stand for a commit id, as on the Hugging Face Hub

_COLUMNS = [column for column in tables.commits.c if column.name != "repository_id"]


def resolve(tx: Transaction, repository: Repository, revision: str) -> Commit:
    """The commit that a revision names.

    Tried in this order: a whole commit id; ``HEAD``, which is ``main``; a full ref (``refs/...``); a branch; a tag; the
    first 7 or more digits of a commit id, if only one begins with them.

    Raises:
        RevisionNotFound: it names none in this repository.
    """
    if not is_storable(revision):
        commit = None
    elif re.fullmatch(r"[0-9a-f]{40}", revision):
        commit = _by_oid(tx, repository, revision)
    else:
        commit = _by_ref(tx, repository, revision) or _by_prefix(tx, repository, revision)
    if commit is None:
        raise RevisionNotFound(
            f"{repository} has no revision {revision[:200]!r}", hint="name a branch, a full commit id or 'main'"
        )
    return commit


def full_ref(branch: str) -> str:
    """The ref of a branch: ``main`` and ``refs/heads/main`` are the same."""
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"


def head(tx: Transaction, repository: Repository, ref: str) -> Commit | None:
    """The commit of a full ref; None if there is no such ref."""
    refs = tables.refs.c
    on = (tables.commits.c.repository_id == refs.repository_id) & (tables.commits.c.oid == refs.commit_oid)
    query = sa.select(*_COLUMNS).join_from(tables.refs, tables.commits, on)
    row = tx.execute(query.where(refs.repository_id == repository.id, refs.name == ref)).first()
    return None if row is None else Commit(**row._mapping)


def refs(tx: Transaction, repository: Repository) -> list[Ref]:
    """All refs of the repository, by name."""
    columns = tables.refs.c
    rows = tx.execute(sa.select(columns.name, columns.commit_oid).where(columns.repository_id == repository.id))
    return sorted((Ref(**row._mapping) for row in rows), key=lambda ref: ref.name)


def history(tx: Transaction, repository: Repository, commit: Commit, *, skip: int = 0, limit: int = 50) -> list[Commit]:
    """The commit and those before it, newest first."""
    line = _line(repository, commit)
    on = (tables.commits.c.repository_id == repository.id) & (tables.commits.c.oid == line.c.oid)
    query = sa.select(*_COLUMNS).join_from(line, tables.commits, on).order_by(line.c.distance)
    return [Commit(**row._mapping) for row in tx.execute(query.offset(skip).limit(limit))]


def count(tx: Transaction, repository: Repository, commit: Commit) -> int:
    """How many commits the whole history of this one has, itself included."""
    return tx.execute(sa.select(sa.func.count()).select_from(_line(repository, commit))).scalar_one()


def _line(repository: Repository, commit: Commit) -> sa.CTE:
    """The ids of a commit and its forebears, with their distance from it."""
    columns = tables.commits.c
    mine = columns.repository_id == repository.id
    start = sa.select(columns.oid, columns.parent_oid, sa.literal(0).label("distance"))
    line = start.where(mine, columns.oid == commit.oid).cte("line", recursive=True)
    older = sa.select(columns.oid, columns.parent_oid, line.c.distance + 1)
    return line.union_all(older.where(mine, columns.oid == line.c.parent_oid))


def _by_oid(tx: Transaction, repository: Repository, oid: str) -> Commit | None:
    mine = tables.commits.c.repository_id == repository.id
    row = tx.execute(sa.select(*_COLUMNS).where(mine, tables.commits.c.oid == oid)).first()
    return None if row is None else Commit(**row._mapping)


def _by_ref(tx: Transaction, repository: Repository, revision: str) -> Commit | None:
    if revision.startswith("refs/"):
        return head(tx, repository, revision)
    name = DEFAULT_BRANCH if revision == "HEAD" else revision
    return head(tx, repository, f"refs/heads/{name}") or head(tx, repository, f"refs/tags/{name}")


def _by_prefix(tx: Transaction, repository: Repository, digits: str) -> Commit | None:
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},39}}", digits):
        return None
    # As a range, not LIKE, so that the index serves; "g" sorts after every hex digit.
    columns = tables.commits.c
    mine = columns.repository_id == repository.id
    query = sa.select(*_COLUMNS).where(mine, columns.oid >= digits, columns.oid < digits + "g")
    rows = tx.execute(query.limit(2)).all()
    return Commit(**rows[0]._mapping) if len(rows) == 1 else None
