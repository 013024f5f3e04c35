"""Requests of this hub: what its operator asks of everybody."""

from __future__ import annotations

from typing import Final

from tukar.catalog import rights
from tukar.catalog.values import Identity
from tukar.errors import Invalid
from tukar.exchange import identity as identities
from tukar.exchange import requests
from tukar.exchange.requests import Entry, Request, Wish
from tukar.usecases.accounts import require_admin
from tukar.usecases.services import Services

DAY: Final = 86_400
LONGEST: Final = 365 * DAY
"""Seconds for which a request can stand."""


def make(services: Services, identity: Identity, wish: Wish, seconds: int) -> Entry:
    """Ask for a model, publicly, for so many seconds.

    Raises:
        Refused: who asks is no administrator.
        Invalid: it says nothing, or too much, or not for a time that makes sense.
        Conflict: too many are open, or the very same one was made in this second.
    """
    require_admin(identity)
    if not 0 < seconds <= LONGEST:
        raise Invalid(
            f"a request stands for 1 second to {LONGEST // DAY} days, not for {seconds} seconds",
            hint="write --expires 7d, or another number with s, m, h, d or w",
            on_page=f"write a number of days from 1 to {LONGEST // DAY}, as in 7",
        )
    now = services.clock()
    with services.database.write() as tx:
        key = identities.current(tx)
        return requests.insert(tx, Request(key.public, int(now), int(now) + seconds, wish), key, now)


def listing(services: Services, identity: Identity, *, everything: bool = False) -> list[Entry]:
    """The open requests, the newest first, for anybody; all of them, for administrators."""
    if everything:
        require_admin(identity)
    with services.database.read() as tx:
        return requests.listing(tx, services.clock(), only_open=not everything)


def get(services: Services, identity: Identity, request_id: str) -> Entry:
    """One, by its id or the beginning of it. NotFound if there is none; for others than administrators: none open."""
    with services.database.read() as tx:
        entry = requests.get(tx, request_id)
    is_public = entry.state(services.clock()) == "open"
    return entry if is_public or rights.may_administer(identity) else requests.only([], request_id)


def withdraw(services: Services, identity: Identity, request_id: str) -> Entry:
    """Ask no more; NotFound if there is no such request, Conflict if it is not open."""
    require_admin(identity)
    with services.database.write() as tx:
        entry = requests.get(tx, request_id)
        requests.withdraw(tx, entry, services.clock())
        return requests.get(tx, entry.request.id)
