"""Who may do what. The rules are in this file and nowhere else.

1. Public repositories are read by all, private ones by their owner and by administrators.
2. Writing takes a token with the role ``write``, of the owner or of an administrator.
3. A repository is created in one's own namespace, by an administrator in any.
4. Administrators are that only with the role ``write``: a token that reads is what people leave in notebooks and build
   machines, and must not open everyone's private repositories.
"""

from __future__ import annotations

import sqlalchemy as sa

from tukar.catalog import tables
from tukar.catalog.values import Identity, Repository


def may_read(identity: Identity, repository: Repository) -> bool:
    """Whether they may see the repository and what it holds."""
    return not repository.private or _owns(identity, repository.namespace)


def may_write(identity: Identity, repository: Repository) -> bool:
    """Whether they may commit to the repository, change its settings or delete it."""
    return identity.role == "write" and _owns(identity, repository.namespace)


def writers(repository: Repository) -> sa.Select[int]:
    """The row ids of those who may write to the repository, with the right token."""
    columns = tables.users.c
    owner = sa.func.lower(columns.name) == repository.namespace.lower()
    return sa.select(columns.id).where(owner | columns.is_admin)


def may_administer(identity: Identity) -> bool:
    """Whether they may do what is for administrators alone."""
    return identity.is_admin and identity.role == "write"


def may_create(identity: Identity, namespace: str) -> bool:
    """Whether they may create repositories in the namespace."""
    return identity.role == "write" and _owns(identity, namespace)


def readable(identity: Identity) -> sa.ColumnElement[bool]:
    """``may_read`` as a condition on the table of repositories."""
    columns = tables.repositories.c
    if may_administer(identity):
        return sa.true()
    public = columns.private.is_(False)
    if identity.user is None:
        return public
    return public | (sa.func.lower(columns.namespace) == identity.user.name.lower())


def _owns(identity: Identity, namespace: str) -> bool:
    return may_administer(identity) or identity.is_called(namespace)
