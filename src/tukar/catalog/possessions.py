"""Who may link which bytes. Knowing a digest gives no right to what it names: one must have sent the bytes to this hub,
or be able to read them in one of its repositories.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from tukar.catalog import rights, tables
from tukar.catalog.values import Identity, Repository, User
from tukar.database import Transaction
from tukar.objects.index import batches
from tukar.objects.tables import files

_COLUMNS = tables.possessions.c
_LINKS = tables.repository_files.c


def record(tx: Transaction, user_id: int, file_id: int, *, now: float) -> None:
    """Note that the user has sent the file. Until a commit of theirs links it, it is pending: gc spares it a while."""
    mine = (_COLUMNS.user_id == user_id) & (_COLUMNS.file_id == file_id)
    changed = tx.execute(sa.update(tables.possessions).where(mine).values(at=now, pending=True))
    if changed.rowcount == 0:
        row = {"user_id": user_id, "file_id": file_id, "at": now, "pending": True}
        tx.execute(sa.insert(tables.possessions).values(row))


def settle(tx: Transaction, user: User, file_ids: Iterable[int]) -> None:
    """Note that a commit of the user links these files: it keeps them from now on."""
    for ids in batches(file_ids):
        mine = (_COLUMNS.user_id == user.id) & _COLUMNS.file_id.in_(ids) & _COLUMNS.pending
        tx.execute(sa.update(tables.possessions).where(mine).values(pending=False))


def expire(tx: Transaction, before: float) -> None:
    """Forget who sent what before ``before``: a possession is for the time of an upload.

    What a user committed they may read, and so link. If it were kept any longer, a user whose own copies are gone could
    tell from it that somebody else still has the file.
    """
    tx.execute(sa.delete(tables.possessions).where(_COLUMNS.at < before))


def may_link(tx: Transaction, identity: Identity, repository: Repository, sha256: str) -> int | None:
    """The id of the file if the hub has it and they may link it in ``repository``, which they may read; else None."""
    return held(tx, repository.id, [sha256]).get(sha256) or linkable(tx, identity, [sha256]).get(sha256)


def linkable(tx: Transaction, identity: Identity, digests: Iterable[str]) -> dict[str, int]:
    """Of these sha256, those that the hub has and that they may link, with the ids of the files.

    That is: what they sent themselves, and what is in a repository that they may read.
    """
    return _among(tx, digests, may_have(identity, files.c.id))


def may_have(identity: Identity, file_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The condition that they sent a file, by the column of its row id, or that it is in reach."""
    reached = in_reach(identity, file_id)
    if identity.user is None:
        return reached
    return reached | sa.exists().where(_COLUMNS.file_id == file_id, _COLUMNS.user_id == identity.user.id)


def in_reach(identity: Identity, file_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The condition that a file, by the column of its row id, is in a repository that they may read."""
    return sa.exists().where(
        _LINKS.file_id == file_id,
        _LINKS.repository_id == tables.repositories.c.id,
        rights.readable(identity),
    )


def held(tx: Transaction, repository_id: int, digests: Iterable[str]) -> dict[str, int]:
    """Of these sha256, those that some commit of the repository links, with the ids of the files."""
    return _among(tx, digests, is_held(repository_id, files.c.id))


def is_held(repository_id: int, file_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The condition that some commit of the repository links a file, by the column of its row id."""
    return sa.exists().where(_LINKS.file_id == file_id, _LINKS.repository_id == repository_id)


def elsewhere(tx: Transaction, identity: Identity, repository_id: int, digests: Iterable[str]) -> set[str]:
    """Of these sha256, those that another repository, which they may read, links as well."""
    other = (_LINKS.file_id == files.c.id) & (_LINKS.repository_id != repository_id)
    readable = (_LINKS.repository_id == tables.repositories.c.id) & rights.readable(identity)
    return set(_among(tx, digests, sa.exists().where(other, readable)))


def holds(tx: Transaction, repository_id: int, sha256: str) -> bool:
    """Whether some commit of the repository links the file."""
    return bool(held(tx, repository_id, [sha256]))


def _among(tx: Transaction, digests: Iterable[str], condition: sa.ColumnElement[bool]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in batches(digests):
        rows = tx.execute(sa.select(files.c.sha256, files.c.id).where(files.c.sha256.in_(some), condition))
        found.update((row.sha256, row.id) for row in rows)
    return found
