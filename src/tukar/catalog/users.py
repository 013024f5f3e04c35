"""Users and organisations: what owns repositories."""

from __future__ import annotations

import sqlalchemy as sa

from tukar.catalog import tables
from tukar.catalog.text import is_storable
from tukar.catalog.values import User, UserKind
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound, Refused
from tukar.types import check_namespace

_COLUMNS = tables.users.c


def create(
    tx: Transaction,
    name: str,
    *,
    now: float,
    kind: UserKind = "user",
    fullname: str = "",
    email: str | None = None,
    is_admin: bool = False,
) -> User:
    """Add a user or organisation.

    Raises:
        Invalid: the name breaks the rules or is reserved, or the full name or email is no text.
        Conflict: the name is taken, by a user or an organisation, in whatever case.
    """
    check_namespace(name)
    if not is_storable(f"{fullname}{email}"):
        raise Invalid("the full name or email has a NUL character or is not Unicode text")
    taken = find(tx, name)
    if taken is not None:
        raise Conflict(f"the name {taken.name!r} is taken by {_article(taken.kind)}", hint="choose another name")
    row = {"name": name, "kind": kind, "fullname": fullname, "email": email, "is_admin": is_admin, "created_at": now}
    tx.execute(sa.insert(tables.users).values(row))
    return get(tx, name)


def find(tx: Transaction, name: str) -> User | None:
    """The user or organisation of that name, in whatever case; None if there is none."""
    if not is_storable(name):
        return None
    row = tx.execute(sa.select(tables.users).where(sa.func.lower(_COLUMNS.name) == name.lower())).first()
    return None if row is None else User(**row._mapping)


def by_id(tx: Transaction, user_id: int) -> User | None:
    """The user of a row id."""
    row = tx.execute(sa.select(tables.users).where(_COLUMNS.id == user_id)).one_or_none()
    return None if row is None else User(**row._mapping)


def get(tx: Transaction, name: str) -> User:
    """The user or organisation of that name, in whatever case; NotFound if there is none."""
    user = find(tx, name)
    if user is None:
        raise NotFound(f"there is no user or organisation {name[:100]!r}")
    return user


def listing(tx: Transaction) -> list[User]:
    """Everyone, in the order of their names."""
    rows = tx.execute(sa.select(tables.users).order_by(sa.func.lower(_COLUMNS.name)))
    return [User(**row._mapping) for row in rows]


def set_admin(tx: Transaction, user: User, is_admin: bool) -> User:
    """Let a user administer the hub, or no longer."""
    tx.execute(sa.update(tables.users).where(_COLUMNS.id == user.id).values(is_admin=is_admin))
    return get(tx, user.name)


def delete(tx: Transaction, user: User) -> None:
    """Forget a user, with their tokens and what they may link. Their repositories are for the caller to look at.

    The name is free again, and the next to have it inherits nothing: rights go by row ids, which are not given again.
    """
    tx.execute(sa.delete(tables.users).where(_COLUMNS.id == user.id))


def require(tx: Transaction, user_id: int) -> None:
    """Refused if the user was removed since they asked; somebody else may have the name by now."""
    if tx.execute(sa.select(_COLUMNS.id).where(_COLUMNS.id == user_id)).first() is None:
        raise Refused("the user who asked for this was removed meanwhile")


def _article(kind: UserKind) -> str:
    return "an organisation" if kind == "organization" else "a user"
