"""Requests of this hub: what its operator asks of everybody."""

from __future__ import annotations

from typing import Final

from tukar.catalog import rights
from tukar.catalog.values import Identity
from tukar.errors import Invalid, Refused
from tukar.exchange import identity as identities
from tukar.exchange import peers, requests, wanted
from tukar.exchange.peers import Peer
from tukar.exchange.requests import Entry, Request, Wish
from tukar.usecases.accounts import require_admin
from tukar.usecases.services import Services

DAY: Final = 86_400
LONGEST: Final = 365 * DAY
"""Seconds for which a request can stand."""
_PATIENCE: Final = 10.0  # seconds without an answer of a peer, while somebody waits for the page


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


def of_peer(services: Services, identity: Identity, name: str) -> tuple[Peer, list[Request]]:
    """What a peer asks for, fetched from it now; the newest first.

    Raises:
        NotFound: there is no such peer.
        Refused: who asks is no administrator, the peer is revoked, or another hub answers at its address.
        Invalid, BadSignature: what it says is not a list of requests that it signed.
        Unavailable: it does not answer.
    """
    require_admin(identity)
    with services.database.read() as tx:
        peer = peers.get(tx, name)
    if not peer.is_trusted:
        raise Refused(f"the peer {peer.name!r} is revoked", hint="its requests are not fetched")
    found = wanted.fetch(peer.name, peer.url, peer.fingerprint, services.clock(), _PATIENCE)
    return peer, sorted((request for request, _ in found), key=lambda request: -request.made_at)


def id_of(services: Services, identity: Identity, peer: str, prefix: str) -> str:
    """The whole id of a request of a peer, or of this hub, that begins so; errors as for `of_peer` and `get`."""
    theirs = {request.id for request in of_peer(services, identity, peer)[1]}
    ours = {entry.request.id for entry in listing(services, identity)}
    return str(requests.only(sorted(id_ for id_ in theirs | ours if id_.startswith(prefix)), prefix))


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
