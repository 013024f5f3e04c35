"""Epochs: what makes a client forget.

A stock client remembers, per CAS address and for weeks, which xorbs the hub accepted, and does not send them again.
The address therefore names an epoch, and a new epoch begins whenever the hub may have lost something that a client
remembers: at every start (a backup may have been restored), when staged xorbs are dropped, and when gc frees a file
that xorbs were views on. A user whose shard names a xorb that is not here gets an epoch of their own. Requests under
an old epoch are served all the same: the path only names the client's cache.
"""

from __future__ import annotations

import secrets
from typing import Final

from tukar.database import Transaction, facts

_ALL: Final = "xet_epoch"


def current(tx: Transaction, user_id: int | None) -> str:
    """The epoch of a user (None: of anonymous readers), for a URL's path."""
    mine = "" if user_id is None else facts.get(tx, _own(user_id)) or ""
    return f"{facts.get(tx, _ALL) or ''}{mine}"


def begin(tx: Transaction) -> None:
    """Begin a new epoch for everyone."""
    facts.put(tx, _ALL, secrets.token_hex(8))


def begin_for(tx: Transaction, user_id: int) -> None:
    """Begin a new epoch for one user."""
    facts.put(tx, _own(user_id), secrets.token_hex(4))


def _own(user_id: int) -> str:
    return f"{_ALL}:{user_id}"
