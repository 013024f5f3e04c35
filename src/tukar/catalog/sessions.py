"""Sessions: who logged in to the pages with a browser. Only hashes of the secrets are kept, as of tokens.

A session is begun with a token and carries its rights, looked up anew at each use. It ends with the token, an idle time
after it was last used, and a longest time after it was begun.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tukar.catalog import tables
from tukar.catalog.values import Identity, Role, User
from tukar.database import Transaction

IDLE: Final = 12 * 3600.0
LONGEST: Final = 7 * 86_400.0
"""Seconds after which a session ends: since it was last used, and since it was begun."""
KEPT: Final = 20
"""Sessions of one token at a time: the ones before end when it begins another."""
NOTED_EVERY: Final = 300.0
"""Seconds between two notes of its use: not every page that is read is a write."""
_RANDOM_BYTES: Final = 32
_COLUMNS: Final = tables.sessions.c


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in, and when their session was last noted to be in use."""

    identity: Identity
    seen_at: float


def begin(tx: Transaction, token_id: int, now: float) -> str:
    """Begin a session with a token; returns its secret, which is never shown again."""
    tx.execute(sa.delete(tables.sessions).where(~_lasts(now)))
    _make_room(tx, token_id)
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    row = {"hash": _hash(secret), "token_id": token_id, "begun_at": now, "seen_at": now}
    tx.execute(sa.insert(tables.sessions).values(row))
    return secret


def find(tx: Transaction, secret: str, now: float) -> Session | None:
    """The session of that secret; None if there is none, or it has ended."""
    users, tokens = tables.users, tables.tokens
    query = sa.select(users, tokens.c.role, _COLUMNS.seen_at).select_from(tables.sessions)
    query = query.join(tokens, tokens.c.id == _COLUMNS.token_id).join(users, users.c.id == tokens.c.user_id)
    row = tx.execute(query.where(_COLUMNS.hash == _hash(secret), _lasts(now))).one_or_none()
    if row is None:
        return None
    fields = dict(row._mapping)
    role: Role = fields.pop("role")
    seen_at: float = fields.pop("seen_at")
    return Session(Identity(User(**fields), role), seen_at)


def touch(tx: Transaction, secret: str, now: float) -> None:
    """Note that it is in use; nothing if it has ended."""
    tx.execute(sa.update(tables.sessions).where(_COLUMNS.hash == _hash(secret), _lasts(now)).values(seen_at=now))


def end(tx: Transaction, secret: str) -> None:
    """End a session; nothing if there is none."""
    tx.execute(sa.delete(tables.sessions).where(_COLUMNS.hash == _hash(secret)))


def _lasts(now: float) -> sa.ColumnElement[bool]:
    return (_COLUMNS.seen_at > now - IDLE) & (_COLUMNS.begun_at > now - LONGEST)


def _make_room(tx: Transaction, token_id: int) -> None:
    mine = sa.select(_COLUMNS.hash).where(_COLUMNS.token_id == token_id).order_by(_COLUMNS.begun_at.desc())
    older = list(tx.execute(mine).scalars())[KEPT - 1 :]
    tx.execute(sa.delete(tables.sessions).where(_COLUMNS.hash.in_(older)))


def _hash(secret: str) -> str:
    # As for tokens: long and random, so that there is no dictionary to try, and found by its hash, so that how long the
    # search takes says nothing of the secret.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
