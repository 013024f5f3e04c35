"""Peers: the hubs that this one exchanges models with. For administrators."""

from __future__ import annotations

import logging
import re
from typing import Final

from tukar.catalog.values import Identity
from tukar.database import Transaction
from tukar.errors import Conflict, Refused, TukarError
from tukar.exchange import identity as identities
from tukar.exchange import peers
from tukar.exchange.endpoint import checked, origin
from tukar.exchange.hubs import fetch_identity
from tukar.exchange.patience import EXCHANGE, Checkpoint
from tukar.exchange.peers import Peer
from tukar.jobs import queue
from tukar.jobs.context import Interrupted, JobContext
from tukar.jobs.values import OPEN, Json
from tukar.signing import Fingerprint, IdentityDocument
from tukar.usecases import swap
from tukar.usecases.accounts import require_admin
from tukar.usecases.services import Services

FOLLOW: Final = "follow"
FOLLOW_EVERY: Final = 60.0
"""Seconds, at least, from one time that the peers are asked for their keys because of a stranger to the next."""
_PATIENCE: Final = 10.0  # seconds for each of them, so that the others are not kept waiting

_log = logging.getLogger(__name__)


def look(services: Services, identity: Identity, url: str) -> IdentityDocument:
    """Ask a hub who it says it is, and trust nothing of it yet.

    Raises:
        Invalid: it is no address of a hub, or what answers there is none.
        Conflict: it is a peer already, or this hub itself.
        Unavailable: it does not answer.
    """
    require_admin(identity)
    document = fetch_identity(url)
    with services.database.read() as tx:
        _check_new(tx, document)
    return document


def add(services: Services, identity: Identity, url: str, fingerprint: Fingerprint, name: str | None = None) -> Peer:
    """Trust the hub at ``url``, if its key is the one whose fingerprint its operator has told.

    Args:
        name: what to call it; by default the host in its address.

    Raises:
        Refused: it has another key.
        Conflict: it is a peer already, or this hub itself; or the name is taken.
        Invalid, Unavailable: as for `look`.
    """
    document = look(services, identity, url)
    if document.current.fingerprint != fingerprint:
        raise _other_key(url, fingerprint, document)
    with services.database.write() as tx:
        _check_new(tx, document)
        added = peers.add(tx, default_name(url) if name is None else name, url, document.current, now=services.clock())
        return peers.follow(tx, added, document)


def default_name(url: str) -> str:
    """The host of an address, and its port if it is not the usual one, as a name."""
    _, host, port = origin(checked(url, "the peer's address"))
    usual = port in (80, 443)
    name = re.sub(r"[^A-Za-z0-9._]+", "-", host or "").strip("-.")
    return name if usual else f"{name}-{port}"


def listing(services: Services, identity: Identity) -> list[Peer]:
    """Every peer, in the order of their names."""
    require_admin(identity)
    with services.database.read() as tx:
        return peers.listing(tx)


def earlier_keys(services: Services, identity: Identity) -> dict[int, list[Fingerprint]]:
    """The keys that peers had before, by the peer's id."""
    require_admin(identity)
    with services.database.read() as tx:
        return peers.earlier_keys(tx)


def refresh(services: Services, identity: Identity, name: str) -> Peer:
    """Follow a peer to its newest key; see `follow`. NotFound if there is none of that name."""
    require_admin(identity)
    with services.database.read() as tx:
        peer = peers.get(tx, name)
    return follow(services, peer)


def follow(services: Services, peer: Peer, seconds: float = EXCHANGE, checkpoint: Checkpoint = lambda: None) -> Peer:
    """Ask a peer for its identity, and follow it to its newest key. For background jobs as well.

    It may take so many seconds; ``checkpoint`` is called several times in each.

    Raises:
        Refused: nothing shows that its key follows the one that is known; or it was removed.
        Conflict: it has a key that another peer has or had.
        Unavailable: it does not answer.
    """
    document = fetch_identity(peer.url, seconds, checkpoint)
    with services.database.write() as tx:
        followed = peers.follow(tx, peers.by_id(tx, peer.id), document)
    if followed.public_key != peer.public_key:
        _log.warning("the peer %s has a new key, %s: it was followed", peer.name, followed.fingerprint.grouped)
    return followed


def wonder(services: Services) -> None:
    """Somebody signed with a key that is unknown here: a peer's new one, perhaps. See to it that all peers are asked.

    Who asks chooses neither whom nor where: the peers are, at the addresses that this hub's operator gave, each once in
    `FOLLOW_EVERY` seconds, however many strangers come.
    """
    with services.database.read() as tx:
        needless = _is_asking(tx) or not _trusted(tx)
    if needless:
        return
    with services.database.write() as tx:
        if _is_asking(tx):
            return
        now, last = services.clock(), queue.latest(tx, FOLLOW, {})
        due = now if last is None else min(last.finished_at or now, now) + FOLLOW_EVERY
        queue.forget_done(tx, FOLLOW, {})
        queue.submit(tx, FOLLOW, now=now, run_at=max(now, due), max_attempts=1)


def follow_all(services: Services, context: JobContext) -> Json:
    """The job: ask every trusted peer for its identity, and follow those that have a new key; their names.

    Whatever becomes of one of them, the others are asked.
    """
    with services.database.read() as tx:
        asked = _trusted(tx)
    followed: list[str] = []
    for peer in asked:
        context.checkpoint()
        try:
            if follow(services, peer, _PATIENCE, context.checkpoint).public_key != peer.public_key:
                followed.append(peer.name)
        except TukarError as error:
            _log.info("whether the peer %s has a new key could not be learnt: %s", peer.name, error.message)
        except Interrupted:
            raise
        except Exception:
            _log.exception("whether the peer %s has a new key could not be learnt", peer.name)
    return {"followed": followed}


def _is_asking(tx: Transaction) -> bool:
    last = queue.latest(tx, FOLLOW, {})
    return last is not None and last.state in OPEN


def _trusted(tx: Transaction) -> list[Peer]:
    return [peer for peer in peers.listing(tx) if peer.is_trusted]


def revoke(services: Services, identity: Identity, name: str) -> Peer:
    """Give a peer nothing more, and end the swaps with it that can be ended. NotFound if there is none of that name.

    Doing it again does what was left undone.
    """
    require_admin(identity)
    with services.database.write() as tx:
        peer = peers.revoke(tx, peers.get(tx, name))
    swap.cancel_all(services, peer.id, "the peer was revoked")
    return peer


def remove(services: Services, identity: Identity, name: str) -> None:
    """Forget a peer; NotFound if there is none of that name, Conflict while a swap with it is open."""
    require_admin(identity)
    with services.database.write() as tx:
        peers.remove(tx, peers.get(tx, name))


def _check_new(tx: Transaction, document: IdentityDocument) -> None:
    """Conflict if the hub is this one, or a peer, by whichever of its keys."""
    if not {key.public for key in identities.keys(tx)}.isdisjoint(document.keys):
        raise Conflict("that is this hub itself", hint="give the address of another hub")
    known = peers.known(tx, document)
    if known is not None:
        raise peers.known_already(known)


def _other_key(url: str, expected: Fingerprint, document: IdentityDocument) -> Refused:
    shown = document.current.fingerprint.grouped
    if expected in {key.fingerprint for key in document.keys}:
        return Refused(
            f"the hub at {url} has followed {expected.grouped} by {shown}",
            hint="ask its operator whether that is right, and give the new fingerprint",
        )
    return Refused(
        f"the hub at {url} has the key {shown}, not {expected.grouped}",
        hint="look for a slip in the address or the fingerprint; else somebody stands between: trust nothing there",
    )
