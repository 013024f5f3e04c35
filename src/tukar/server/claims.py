"""What signed addresses and tokens say, read back from a request; what they name is looked up anew each time."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from tukar.catalog import users
from tukar.catalog.values import User
from tukar.database import Transaction
from tukar.errors import Refused
from tukar.server import signing
from tukar.server.requests import hub


def sign(request: Request, purpose: str, claim: dict[str, Any], lifetime: float) -> str:
    """A claim for ``lifetime`` seconds from now, as URL-safe text."""
    running = hub(request)
    return signing.sign(running.secret, purpose, claim, running.services.clock() + lifetime)


def verify(request: Request, purpose: str, signed: str) -> dict[str, Any]:
    """A claim that this hub signed for ``purpose``; Refused if it did not, or if it has expired."""
    running = hub(request)
    return signing.verify(running.secret, purpose, signed, running.services.clock())


def of_user(user: User) -> dict[str, Any]:
    """What claims keep of a user. Names may be given again, ids are not."""
    return {"user": user.name, "id": user.id}


def find_user(tx: Transaction, claim: dict[str, Any]) -> User:
    """The user of a claim; Refused if they are no more."""
    user = users.find(tx, claim["user"])
    if user is None or user.id != claim["id"]:
        raise Refused("the user whom this address or token was given to is no more")
    return user
