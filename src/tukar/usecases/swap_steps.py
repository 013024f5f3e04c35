"""One step of a swap: an event, what it leads to, and its effects, all in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from tukar.catalog import users
from tukar.catalog.values import User
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid
from tukar.exchange import handovers, identity, peers, protocol, requests, swaps
from tukar.exchange.offers import (
    ACCEPTANCE,
    ENDING,
    OFFER,
    RECEIPT,
    Acceptance,
    Ending,
    EndingKind,
    Item,
    receipt_payload,
)
from tukar.exchange.sentences import explain
from tukar.exchange.states import Cause, Effect, Event, Message, Role, State
from tukar.exchange.swaps import Record, Target
from tukar.exchange.text import words
from tukar.jobs import queue
from tukar.objects import holds
from tukar.signing import Envelope, sign, verify
from tukar.types import RepoId
from tukar.usecases import hand_over, handing
from tukar.usecases.services import Services

JOB: Final = "swap"
_ATTEMPTS: Final = 1_000_000  # a swap ends by itself, not because a peer was away for long
_ADMIN: Final = "admin"


def apply(services: Services, tx: Transaction, record: Record, event: Event, reason: str = "") -> Record:
    """Take an event, and store what it leads to; the swap as it is then.

    Conflict, and nothing is changed, if the event is not possible.
    """
    outcome = protocol.step(record.swap, event)
    if outcome.refusal is not None:
        raise Conflict(outcome.refusal, hint=explain(record.swap, expired=record.has_expired))
    now = services.clock()
    if outcome.swap == record.swap and not outcome.effects:
        return record
    if outcome.swap.state is not record.swap.state:  # what is said of a swap after its end is not why it ended
        record = record.with_(reason=words(reason))
    record = record.with_(swap=outcome.swap, changed_at=now, error=None)
    for effect in outcome.effects:
        record = _carry_out(services, tx, record, effect)
    if record.is_spent:
        record = record.with_(offer_envelope=None, kept=record.terms)
    swaps.save(tx, record)
    wake(tx, record.id, now)
    return record


def wake(tx: Transaction, swap_id: str, now: float, run_at: float | None = None) -> None:
    """See to it that somebody goes on with a swap, after whoever is at it now.

    Those who are done with it leave no more behind than the swap itself shows: it may be looked at for a year.
    """
    payload = {"swap": swap_id}
    queue.forget_done(tx, JOB, payload)
    queue.submit(tx, JOB, payload, now=now, run_at=run_at, max_attempts=_ATTEMPTS, unique=True, again=True)


def _carry_out(services: Services, tx: Transaction, record: Record, effect: Effect) -> Record:
    match effect:
        case Effect.TRANSFER:
            return record  # the job does it, whenever it finds the swap in this state
        case Effect.SIGN:
            return _sign(tx, record)
        case Effect.PUBLISH:
            return _publish(services, tx, record)
        case Effect.SWEEP:
            holds.release(tx, record.arriving)
            holds.release(tx, record.leaving)
            if record.swap.state is not State.PUBLISHED:
                swaps.detach(tx, record.id)
            return record


def _sign(tx: Transaction, record: Record) -> Record:
    key = identity.key_of(tx, record.mine)
    if record.swap.role is Role.ACCEPTOR:
        return record.with_(signature=sign(RECEIPT, receipt_of(record), key))
    if record.signature is None:
        raise AssertionError("the state machine decides only with the acceptor's signature")
    return record.with_(receipt=record.signature.signed_by(key))


def receipt_of(record: Record) -> bytes:
    """What both hubs sign, built from what was offered and accepted."""
    if record.acceptance is None:
        raise Invalid("the swap was not accepted")
    return receipt_payload(record.offer, record.acceptance)


def _publish(services: Services, tx: Transaction, record: Record) -> Record:
    origin = peers.by_id(tx, record.peer_id).name
    author = _author(tx, record)
    targets = dict(record.targets)
    for item in record.coming:
        target = target_of(record, item, author)
        made, commit = handing.publish(services, tx, item, target, author, origin, record.id[:8])
        targets[item.repository] = replace(target, published=made.repo_id, commit=commit.oid)
        swaps.attach(tx, record.id, made.id)
    if record.offer.request and record.coming:
        requests.close(tx, record.offer.request, record.id)
    handovers.note(tx, record)
    return record.with_(targets=targets)


class _Rehearsed(Exception):
    """What was published is to be taken back."""


def rehearse(services: Services, record: Record) -> None:
    """Publish what came, and take it back: after this nothing that the other hub said can stand in the way.

    Invalid, Conflict or Corrupt if it cannot be published. It is called before this hub says that all has arrived: a
    hub that has signed and then cannot publish would leave the swap one-sided.
    """
    try:
        with services.database.write() as tx:
            _publish(services, tx, record)
            raise _Rehearsed
    except _Rehearsed:
        pass


def target_of(record: Record, item: Item, author: User) -> Target:
    """Where an item is published here."""
    chosen = record.targets.get(item.repository)
    return chosen or Target(RepoId(author.name, item.repository.name, item.repository.type), private=True)


def _author(tx: Transaction, record: Record) -> User:
    found = None if record.user_id is None else users.by_id(tx, record.user_id)
    return found or users.get(tx, _ADMIN)


def hear(services: Services, tx: Transaction, record: Record, envelope: Envelope) -> Record:
    """Take a statement of the other hub.

    1. Its kind tells what it must be and who must have signed it.
    2. Its signatures are checked, with the keys that the offer names, before anything of it is used.
    3. What it says must fit this swap.
    4. The state machine says whether it is possible now.

    Invalid, BadSignature or Conflict, and nothing is changed, if one of these fails.
    """
    match envelope.payload_type:
        case t if t == OFFER:
            if hashlib.sha256(envelope.payload).hexdigest() != record.id:
                raise Invalid("the offer is of another swap")
            return apply(services, tx, record, Message.OFFER)
        case t if t == ACCEPTANCE:
            return _hear_acceptance(services, tx, record, envelope)
        case t if t == ENDING:
            return _hear_ending(services, tx, record, envelope)
        case t if t == RECEIPT:
            return _hear_receipt(services, tx, record, envelope)
        case _:
            raise Invalid(f"not a statement of a swap: {envelope.payload_type[:80]!r}")


def _hear_acceptance(services: Services, tx: Transaction, record: Record, envelope: Envelope) -> Record:
    payload = verify(envelope, ACCEPTANCE, [record.theirs], [record.theirs.fingerprint])
    Acceptance.read(payload, record.offer)
    if record.acceptance_envelope is None:
        record = record.with_(acceptance_envelope=envelope)
    elif payload != record.acceptance_envelope.payload:
        raise Conflict("the swap was accepted before, with something else")
    return apply(services, tx, record, Message.ACCEPT)


def _hear_ending(services: Services, tx: Transaction, record: Record, envelope: Envelope) -> Record:
    ending = Ending.read(verify(envelope, ENDING, [record.theirs], [record.theirs.fingerprint]))
    if ending.swap != record.id:
        raise Invalid("the ending is of another swap")
    event = Message.REFUSE if ending.kind == "refused" else Message.CANCEL
    return apply(services, tx, record, event, ending.reason)


def _hear_receipt(services: Services, tx: Transaction, record: Record, envelope: Envelope) -> Record:
    offerer, acceptor = record.offer.offerer.fingerprint, record.offer.acceptor.fingerprint
    both = {signature.keyid for signature in envelope.signatures} == {offerer, acceptor}
    required = [offerer, acceptor] if both else [acceptor]
    payload = verify(envelope, RECEIPT, record.keys, required)
    if payload != receipt_of(record):
        raise Invalid("the receipt is not about what was offered and accepted")
    if both:
        return apply(services, tx, record.with_(receipt=record.receipt or envelope), Message.RECEIPT)
    return apply(services, tx, record.with_(signature=record.signature or envelope), Message.PREPARED)


def say(tx: Transaction, record: Record, messages: Iterable[Message]) -> list[Envelope]:
    """The statements of this hub, signed."""
    return [_statement(tx, record, message) for message in messages]


def _statement(tx: Transaction, record: Record, message: Message) -> Envelope:
    stored = {
        Message.OFFER: record.offer_envelope,
        Message.ACCEPT: record.acceptance_envelope,
        Message.PREPARED: record.signature,
        Message.RECEIPT: record.receipt,
    }
    if message in stored:
        found = stored[message]
        if found is None:
            raise AssertionError(f"the state machine says {message.value} only once it is here")
        return found
    kind: EndingKind = "refused" if message is Message.REFUSE else "cancelled"
    return sign(ENDING, Ending(record.id, kind, _own_reason(record)).payload(), identity.key_of(tx, record.mine))


def _own_reason(record: Record) -> str:
    """Why this hub ended a swap, in words of its own: what the other said, be it as an error, is not for it to sign."""
    refused_here = record.swap.state is State.REFUSED and record.swap.role is Role.ACCEPTOR
    return record.reason if refused_here or record.swap.ending in (Cause.OPERATOR, Cause.EXPIRED) else ""


def sweep(services: Services, record: Record) -> None:
    """Remove what arrived in part, once a swap has ended; what was whole, gc frees."""
    if not record.is_open:
        hand_over.drop(services, record.arriving)
