"""Statements that do not fit a swap are refused, whoever signed them, and leave it as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tukar.exchange.authorisation import REQUEST
from tukar.exchange.offers import ACCEPTANCE, ENDING, OFFER, RECEIPT, Acceptance, Offer, receipt_payload
from tukar.signing import Envelope, PublicKey, Signature, SigningKey, encode, sign
from tukar.types import RepoId

from .hostile import both as both
from .hostile import refused
from .hostile import third as third
from .hostile import victim as victim
from .hostile import villain as villain
from .victim import Victim
from .villain import Villain

Lie = Callable[[Villain, Offer], Envelope]


def forged(envelope: Envelope, *keys: PublicKey) -> Envelope:
    """With the signature of somebody else that was made for something else."""
    signatures = tuple(Signature(key.fingerprint, b"\1" * 32 + b"\0" * 32) for key in keys)
    return replace(envelope, signatures=(*envelope.signatures, *signatures))


def only(key: PublicKey, envelope: Envelope) -> Envelope:
    """With that key's signature and no other."""
    kept = tuple(each for each in envelope.signatures if each.keyid == key.fingerprint)
    return replace(envelope, signatures=kept)


def ending(value: dict[str, object]) -> Lie:
    return lambda villain, offer: villain.sign(ENDING, encode({"swap": offer.swap, "reason": "", **value}))  # type: ignore[dict-item]


# What an offerer cannot say of a swap that the victim was offered: a gift, which it has signed for, or has yet to.
BY_THE_OFFERER: dict[str, Lie] = {
    "its own acceptance": lambda villain, offer: villain.sign(ACCEPTANCE, Acceptance(offer.swap, ()).payload()),
    "a receipt that it alone signed": lambda villain, offer: villain.receipt(offer),
    "a receipt with a forged signature": lambda v, offer: forged(v.receipt(offer), v.victim.key),
    "a receipt of other bytes": lambda villain, offer: villain.receipt(replace(offer, note="another")),
    "a receipt that names others": lambda v, offer: v.receipt(replace(offer, acceptor=SigningKey.generate().public)),
    "a refusal": ending({"kind": "refused"}),
    "an end of no kind": ending({"kind": "published"}),
    "an end with an escape": ending({"kind": "cancelled", "reason": "\x1b[2J"}),
    "an end without end": ending({"kind": "cancelled", "reason": "a" * 4001}),
    "an end with more": ending({"kind": "cancelled", "also": 1}),
    "an end of another swap": lambda villain, offer: villain.ending("0" * 64),
    "a request as a statement": lambda villain, offer: villain.sign(REQUEST, offer.payload()),
    "an offer as an end": lambda villain, offer: villain.sign(ENDING, offer.payload()),
    "an end signed as an offer": lambda v, offer: v.sign(OFFER, v.ending(offer.swap).payload),
    "a type that is none": lambda villain, offer: villain.sign("text/html", offer.payload()),
}


@pytest.mark.parametrize("lie", BY_THE_OFFERER.values(), ids=BY_THE_OFFERER.keys())
def test_what_the_offerer_cannot_say(villain: Villain, victim: Victim, lie: Lie) -> None:
    made = villain.offered()
    assert refused(villain.say(made.swap, lie(villain, made)))
    assert victim.state(made.swap) == "offered"
    victim.accept(made.swap).raise_for_status()
    assert refused(villain.say(made.swap, lie(villain, made)))
    assert victim.state(made.swap) == "accepted"


@pytest.mark.parametrize("lie", BY_THE_OFFERER.values(), ids=BY_THE_OFFERER.keys())
def test_what_the_offerer_cannot_say_once_the_victim_has_signed(villain: Villain, victim: Victim, lie: Lie) -> None:
    made = villain.offered(give=(), take=["base"])
    victim.accept(made.swap).raise_for_status()
    assert victim.state(made.swap) == "prepared"
    assert refused(villain.say(made.swap, lie(villain, made)))
    assert victim.state(made.swap) == "prepared"
    assert villain.say(made.swap, villain.ending(made.swap)).status_code == 200
    assert victim.state(made.swap) == "cancelled"


def other_items(villain: Villain, offer: Offer) -> Envelope:
    return villain.accept(offer.swap, villain.item("more"))


# What an acceptor cannot say of a swap in which the victim offered.
BY_THE_ACCEPTOR: dict[str, Lie] = {
    "an acceptance with another repository": other_items,
    "an acceptance with fewer": lambda v, offer: v.sign(ACCEPTANCE, Acceptance(offer.swap, ()).payload()),
    "an acceptance with more": lambda v, offer: v.accept(offer.swap, v.item(), v.item("more")),
    "an acceptance with one twice": lambda v, offer: v.accept(offer.swap, v.item(), v.item()),
    "an acceptance with another commit": lambda v, offer: v.accept(offer.swap, replace(v.item(), commit="b" * 40)),
    "an acceptance of another type": lambda v, offer: v.accept(
        offer.swap, replace(v.item(), repository=RepoId("villain", "loot", "dataset"))
    ),
    "an acceptance of another swap": lambda v, offer: v.accept("0" * 64),
    "an acceptance by a stranger": lambda v, offer: sign(
        ACCEPTANCE, v.accept(offer.swap).payload, SigningKey.generate()
    ),
    "an acceptance by two": lambda v, offer: sign(
        ACCEPTANCE, v.accept(offer.swap).payload, v.key, SigningKey.generate()
    ),
    "an acceptance with a forged signature": lambda v, offer: forged(v.accept(offer.swap), v.victim.key),
    "a signature before the acceptance": lambda v, offer: v.receipt(offer, v.item()),
    "a receipt before the acceptance": lambda v, offer: forged(v.receipt(offer, v.item()), v.victim.key),
    "the offer": lambda v, offer: v.sign(OFFER, offer.payload()),
    "an end of another swap": lambda villain, offer: villain.ending("0" * 64),
}


@pytest.mark.parametrize("lie", BY_THE_ACCEPTOR.values(), ids=BY_THE_ACCEPTOR.keys())
def test_what_the_acceptor_cannot_say(villain: Villain, victim: Victim, lie: Lie) -> None:
    swap_id = victim.offer(pinned={"revision": villain.item().commit})
    assert refused(villain.say(swap_id, lie(villain, victim.statement(swap_id))))
    assert victim.state(swap_id) == "offered"


def receipt_of_more(villain: Villain, offer: Offer) -> Envelope:
    return villain.receipt(offer, villain.item(), villain.item("more"))


# What it cannot say once it has accepted.
AFTER_ITS_ACCEPTANCE: dict[str, Lie] = {
    "another acceptance": lambda v, offer: v.accept(offer.swap, replace(v.item(), licence="mit")),
    "a signature for something else": receipt_of_more,
    "a signature for nothing": lambda v, offer: v.receipt(offer),
    "a signature with a forged one": lambda v, offer: forged(v.receipt(offer, v.item()), v.victim.key),
    "a signature by a stranger": lambda v, offer: sign(
        RECEIPT, v.receipt(offer, v.item()).payload, SigningKey.generate()
    ),
    "a signature by two": lambda v, offer: sign(
        RECEIPT, v.receipt(offer, v.item()).payload, v.key, SigningKey.generate()
    ),
    "the victim's signature alone, forged": lambda v, offer: only(
        v.victim.key, forged(v.receipt(offer, v.item()), v.victim.key)
    ),
    "a refusal": ending({"kind": "refused"}),
}


@pytest.mark.parametrize("lie", AFTER_ITS_ACCEPTANCE.values(), ids=AFTER_ITS_ACCEPTANCE.keys())
def test_what_the_acceptor_cannot_say_after_its_acceptance(villain: Villain, victim: Victim, lie: Lie) -> None:
    swap_id = victim.offer()
    assert villain.say(swap_id, villain.accept(swap_id)).status_code == 200
    assert victim.state(swap_id) == "accepted"
    assert refused(villain.say(swap_id, lie(villain, victim.statement(swap_id))))
    assert victim.state(swap_id) == "accepted"


def test_a_swap_that_ended_stays_so(villain: Villain, victim: Victim) -> None:
    swap_id = victim.offer()
    villain.say(swap_id, villain.ending(swap_id))
    assert victim.state(swap_id) == "cancelled"
    offer = victim.statement(swap_id)
    late = sign(RECEIPT, receipt_payload(offer, Acceptance(swap_id, (villain.item(),))), villain.key)
    for statement in (villain.accept(swap_id), late, forged(late, victim.key)):
        villain.say(swap_id, statement)
        assert victim.state(swap_id) == "cancelled"


def test_a_signature_of_one_swap_is_none_for_another(villain: Villain, victim: Victim) -> None:
    first, second = victim.offer(), victim.offer()
    for swap_id in (first, second):
        villain.say(swap_id, villain.accept(swap_id))
    signed = villain.receipt(victim.statement(first), villain.item())
    assert refused(villain.say(second, signed))
    assert refused(villain.say(second, villain.accept(first)))
    assert {victim.state(first), victim.state(second)} == {"accepted"}


def test_what_another_peer_says_of_a_swap(villain: Villain, third: Villain, victim: Victim) -> None:
    """The same as of a swap that is not there."""
    swap_id = victim.offer()
    for statement in (villain.accept(swap_id), villain.ending(swap_id), third.accept(swap_id), third.ending(swap_id)):
        told = [third.say(each, statement) for each in (swap_id, "0" * 64)]
        assert [answer.status_code for answer in told] == [404, 404]
        assert told[0].content == told[1].content
    assert victim.state(swap_id) == "offered"


def test_more_statements_than_a_swap_has(villain: Villain, victim: Victim) -> None:
    swap_id = victim.offer()
    assert refused(villain.say(swap_id, *[villain.accept(swap_id)] * 5))
    assert victim.state(swap_id) == "offered"


def test_two_swaps_of_one_repository_at_once(villain: Villain, victim: Victim) -> None:
    """Each has its own course: what is said of one moves the other not at all."""
    first, second = victim.offer(), victim.offer()
    villain.say(first, villain.accept(first))
    villain.say(second, villain.ending(second))
    assert (victim.state(first), victim.state(second)) == ("accepted", "cancelled")
    assert victim.is_swept(second)
    assert not victim.is_swept(first)
