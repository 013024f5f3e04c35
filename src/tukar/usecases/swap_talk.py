"""What the hubs of a swap say to each other, as it arrives; and what a peer may fetch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound
from tukar.exchange import identity as identities
from tukar.exchange import peers, protocol, summaries, swaps
from tukar.exchange.authorisation import TOLERANCE, stranger
from tukar.exchange.local import LocalSource
from tukar.exchange.offers import OFFER, Offer
from tukar.exchange.peers import Peer
from tukar.exchange.states import Role
from tukar.exchange.swaps import Record
from tukar.objects import holds
from tukar.signing import Envelope, verify
from tukar.usecases import hand_over, handing
from tukar.usecases.services import Services
from tukar.usecases.swap import LONGEST
from tukar.usecases.swap_steps import hear, say, sweep, wake

STATEMENTS_LIMIT: Final = 4

# What one peer can leave here by offers that nobody accepts.
WAITING_LIMIT: Final = 50
"""Offers that wait for a decision."""
WAITING_BYTES: Final = 64 << 20
"""Of what was signed for them."""
HOURLY_LIMIT: Final = 100
"""Offers within an hour, those that ended as well."""
SPENT_LIMIT: Final = 1000
"""Offers that ended, of which it is remembered that they did until they could not be accepted anyway."""
_HOUR: Final = 3600.0


def answer(services: Services, peer: Peer, swap_id: str, statements: Sequence[Envelope]) -> list[Envelope]:
    """Take what a peer says of a swap; returns what this hub says of it, in the state that it is in then.

    Raises:
        NotFound: there is no such swap with that peer, and it is no offer of one.
        Invalid, BadSignature, Conflict: a statement is not what it must be. Those before it have been taken.
    """
    if len(statements) > STATEMENTS_LIMIT:
        raise Invalid(f"more than {STATEMENTS_LIMIT} statements at once")
    for envelope in statements:
        with services.database.write() as tx:
            record = _find(tx, peer, swap_id)
            if record is None:
                _begin(services, tx, peer, swap_id, envelope)
                continue
            record = hear(services, tx, record, envelope)
            swaps.note_reached(tx, swap_id, services.clock())
        sweep(services, record)
    with services.database.read() as tx:
        return view(tx, _get(tx, peer, swap_id))


def is_open(services: Services, peer: Peer, swap_id: str) -> bool:
    """Whether there is that swap with that peer, and something is still to be said of it."""
    with services.database.read() as tx:
        record = _find(tx, peer, swap_id)
    return record is not None and (record.is_open or not record.swap.settled)


def view(tx: Transaction, record: Record) -> list[Envelope]:
    """What this hub says of a swap in the state that it is in."""
    return say(tx, record, protocol.view(record.swap))


def _find(tx: Transaction, peer: Peer, swap_id: str) -> Record | None:
    """The swap, if it is with that peer: to others there is none."""
    record = swaps.find(tx, swap_id)
    return None if record is None or record.peer_id != peer.id else record


def _get(tx: Transaction, peer: Peer, swap_id: str) -> Record:
    record = _find(tx, peer, swap_id)
    if record is None:
        raise NotFound("no such swap") if peer.is_trusted else stranger()
    return record


def _begin(services: Services, tx: Transaction, peer: Peer, swap_id: str, envelope: Envelope) -> None:
    """A new offer.

    1. It is an offer of a peer that is trusted, signed by its current key, or by one that it followed: it may have
       waited long until this hub could be reached.
    2. It is for this hub, by one of its keys, and names the peer's.
    3. It is the swap that is spoken of.
    4. It stands for a time that makes sense, by this hub's clock.
    5. The peer has not left too much else undecided.
    """
    # 1.
    if not peer.is_trusted:
        raise stranger()
    if envelope.payload_type != OFFER:
        raise NotFound("no such swap")
    key = peers.key_of(tx, peer, envelope.signatures[0].keyid)
    offer = Offer.read(verify(envelope, OFFER, [key], [key.fingerprint]))
    # 2.
    if offer.offerer != key:
        raise Invalid("the offer names another hub than the one that signed it")
    if offer.acceptor not in {each.public for each in identities.keys(tx)}:
        raise Invalid("the offer is for another hub", hint="fetch this one's identity, and offer anew")
    # 3.
    if offer.swap != swap_id:
        raise Invalid("the offer is of another swap")
    # 4.
    now = services.clock()
    _check_time(offer, now)
    # 5.
    _check_undecided(tx, peer, envelope, now)
    swap = protocol.begin(Role.ACCEPTOR, receives=bool(offer.give))
    swaps.insert(tx, Record(swap_id, peer.id, swap, envelope, {}, None, now, now, reached_at=now))
    wake(tx, swap_id, now, run_at=float(offer.expires_at))


def _check_undecided(tx: Transaction, peer: Peer, envelope: Envelope, now: float) -> None:
    """Conflict if the peer has offered as much as it may without that anybody here accepted it."""
    summaries.forget_spent(tx, peer.id, now - TOLERANCE)  # they would be refused for their time
    found = summaries.count_undecided(tx, peer.id, now - _HOUR)
    if found.waiting >= WAITING_LIMIT:
        raise Conflict(f"{found.waiting} offers wait for a decision", hint="wait for it, or cancel some")
    if found.nbytes + len(envelope.encode()) > WAITING_BYTES:
        raise Conflict(
            f"the offers that wait for a decision would have more than {WAITING_BYTES >> 20} MiB of statements",
            hint="wait for it, cancel some, or offer fewer files at once",
        )
    if found.recent >= HOURLY_LIMIT:
        raise Conflict(
            f"{found.recent} offers came within an hour, and none was accepted",
            hint="wait for an hour, then offer again",
        )
    if found.spent >= SPENT_LIMIT:
        raise Conflict(
            f"{found.spent} offers ended without being accepted, and their time has not run out yet",
            hint="wait until it has for some, and let offers stand for a shorter time",
        )


def _check_time(offer: Offer, now: float) -> None:
    """Invalid if an offer comes from the future, has ended, or stands for longer than any operator can let it."""
    here = f"it is {int(now)} here (seconds since 1970)"
    if offer.made_at > now + TOLERANCE:
        raise Invalid(
            f"the offer was made at {offer.made_at}, and {here}: more than {TOLERANCE} apart",
            hint="set the clocks of both machines",
        )
    if not now < offer.expires_at <= now + LONGEST + TOLERANCE:
        raise Invalid(
            f"the offer stands until {offer.expires_at}, and {here}; at most {LONGEST} seconds are left to it"
        )


def source(services: Services, peer: Peer, swap_id: str) -> LocalSource:
    """What a peer may have in a swap. NotFound if it is not time yet."""
    with services.database.read() as tx:
        record = _get(tx, peer, swap_id)
    if not peer.is_trusted or not protocol.serves(record.swap):
        raise NotFound("nothing of this swap can be fetched now")
    return hand_over.source(services, holds.files_within(record.leaving), handing.admitted(record.leaving))
