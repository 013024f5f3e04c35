"""Access tokens. Only their hashes are kept: a copy of the database lets nobody in."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tukar.catalog import tables
from tukar.catalog.values import Identity, Role, User
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound, Unauthenticated

PREFIX: Final = "tukar_"
STRONG: Final = 16
"""Characters below which a token that someone chose can be guessed."""
_RANDOM_BYTES: Final = 30  # 240 bits; 40 characters in URL-safe base64
_COLUMNS: Final = tables.tokens.c
_KNOWN: Final = sa.select(
    _COLUMNS.id, _COLUMNS.user_id, _COLUMNS.name, _COLUMNS.role, _COLUMNS.hint, _COLUMNS.created_at
)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token after it was given out."""

    id: int
    user_id: int
    name: str
    role: Role
    hint: str
    created_at: float


def create(tx: Transaction, user: User, name: str, role: Role, *, now: float) -> str:
    """Make a token and return it: this is the only time that it can be read.

    Raises:
        Invalid: the name is empty or too long, or the user is an organisation.
        Conflict: the user has a token of that name.
    """
    if _find(tx, user, name) is not None:
        raise Conflict(f"{user.name!r} has a token named {name!r}", hint="choose another name or revoke that one")
    token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    _insert(tx, user, name, role, token, now)
    return token


def adopt(tx: Transaction, user: User, name: str, role: Role, token: str, *, now: float) -> None:
    """Make a token that was chosen elsewhere the user's only one of that name. Doing it again changes nothing.

    Raises:
        Invalid: the token is not 1 to 500 visible ASCII characters, or the user is an organisation.
        Conflict: the token is in use, by another user or under another name.
    """
    if not re.fullmatch(r"[!-~]{1,500}", token):
        raise Invalid("a token has 1 to 500 characters of ASCII, without spaces", hint="choose a long, random one")
    holder = tx.execute(sa.select(tables.tokens).where(_COLUMNS.hash == _hash(token))).first()
    if holder is not None and (holder.user_id, holder.name) != (user.id, name):
        raise Conflict(f"the token meant for {user.name!r} is in use already", hint="choose another token")
    if holder is not None and holder.role == role:
        return
    tx.execute(sa.delete(tables.tokens).where(_COLUMNS.user_id == user.id, _COLUMNS.name == name))
    _insert(tx, user, name, role, token, now)


def authenticate(tx: Transaction, token: str) -> Identity:
    """Whose token this is; Unauthenticated if nobody's."""
    users = tables.users
    query = sa.select(users, _COLUMNS.role).join(users, users.c.id == _COLUMNS.user_id)
    row = tx.execute(query.where(_COLUMNS.hash == _hash(token))).first()
    if row is None:
        raise Unauthenticated("the token is not valid", hint="log in again, or ask for a new token")
    fields = dict(row._mapping)
    role: Role = fields.pop("role")
    return Identity(User(**fields), role)


def describe(tx: Transaction, token: str) -> Token:
    """What is known of this token; Unauthenticated if it is nobody's."""
    row = tx.execute(_KNOWN.where(_COLUMNS.hash == _hash(token))).first()
    if row is None:
        raise Unauthenticated("the token is not valid", hint="log in again, or ask for a new token")
    return Token(**row._mapping)


def listing(tx: Transaction, user: User) -> list[Token]:
    """The user's tokens, oldest first."""
    rows = tx.execute(_KNOWN.where(_COLUMNS.user_id == user.id).order_by(_COLUMNS.id))
    return [Token(**row._mapping) for row in rows]


def revoke(tx: Transaction, user: User, name: str) -> None:
    """Make a token worthless; NotFound if the user has none of that name."""
    done = tx.execute(sa.delete(tables.tokens).where(_COLUMNS.user_id == user.id, _COLUMNS.name == name))
    if done.rowcount == 0:
        raise NotFound(f"{user.name!r} has no token named {name[:100]!r}")


def _find(tx: Transaction, user: User, name: str) -> Token | None:
    row = tx.execute(_KNOWN.where(_COLUMNS.user_id == user.id, _COLUMNS.name == name)).first()
    return None if row is None else Token(**row._mapping)


def _insert(tx: Transaction, user: User, name: str, role: Role, token: str, now: float) -> None:
    if user.kind != "user":
        raise Invalid(f"{user.name!r} is an organisation: it has no tokens", hint="give the token to one of its people")
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid(f"not a valid name for a token: {name[:100]!r}", hint="use 1 to 100 printable characters")
    hint = token[-4:] if len(token) >= STRONG else ""  # of a short one it would tell too much
    row = {"user_id": user.id, "name": name, "role": role, "hint": hint, "created_at": now}
    tx.execute(sa.insert(tables.tokens).values(hash=_hash(token), **row))


def _hash(token: str) -> str:
    # A plain hash is enough: tokens are long and random, so there is no dictionary to try. Surrogates come from bytes
    # in a header that are not UTF-8; such a token is simply nobody's.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
