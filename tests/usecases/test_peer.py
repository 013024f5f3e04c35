"""Revoking a peer ends what can be ended with it; what cannot keeps the peer from being forgotten."""

from __future__ import annotations

import pytest

from tukar.errors import Conflict
from tukar.exchange import identity, peers, swaps
from tukar.exchange.offers import OFFER, Offer, Reference
from tukar.exchange.peers import Peer
from tukar.exchange.states import Role, State, Swap
from tukar.exchange.swaps import Record
from tukar.signing import SigningKey, sign
from tukar.types import RepoId
from tukar.usecases import peer as usecase

from .conftest import Desk


@pytest.fixture
def theirs() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def acme(desk: Desk, theirs: SigningKey) -> Peer:
    with desk.services.database.write() as tx:
        return peers.add(tx, "acme", "http://acme.example", theirs.public, now=desk.services.clock())


def begun(desk: Desk, peer: Peer, theirs: SigningKey, state: State, number: int) -> str:
    """A swap that they offered, in that state here."""
    now = int(desk.services.clock())
    asked = (Reference(RepoId("admin", "child"), "main"),)
    with desk.services.database.write() as tx:
        ours = identity.current(tx).public
        offer = Offer(theirs.public, ours, f"{number:032x}", now, now + 1000, (), asked)
        swap = Swap(Role.ACCEPTOR, state, arrived=True)
        record = Record(offer.swap, peer.id, swap, sign(OFFER, offer.payload(), theirs), {}, None, now, now)
        swaps.insert(tx, record)
    return offer.swap


def state(desk: Desk, swap: str) -> State:
    with desk.services.database.read() as tx:
        return swaps.get(tx, swap).swap.state


def test_swaps_that_can_be_ended_end_with_the_trust(desk: Desk, acme: Peer, theirs: SigningKey) -> None:
    before = (State.OFFERED, State.ACCEPTED, State.PREPARED, State.PUBLISHED, State.REFUSED)
    begun_ones = [begun(desk, acme, theirs, each, number) for number, each in enumerate(before)]
    other = SigningKey.generate()
    with desk.services.database.write() as tx:
        neighbour = peers.add(tx, "other", "http://other.example", other.public, now=0.0)
    untouched = begun(desk, neighbour, other, State.ACCEPTED, 9)
    assert not usecase.revoke(desk.services, desk.identity("admin"), "acme").is_trusted
    ended = (State.CANCELLED, State.CANCELLED, State.PREPARED, State.PUBLISHED, State.REFUSED)
    assert tuple(state(desk, swap) for swap in begun_ones) == ended
    assert state(desk, untouched) is State.ACCEPTED


def test_what_was_left_undone_is_done_the_next_time(desk: Desk, acme: Peer, theirs: SigningKey) -> None:
    swap = begun(desk, acme, theirs, State.ACCEPTED, 0)
    with desk.services.database.write() as tx:  # as if the hub had gone down in between
        peers.revoke(tx, acme)
    usecase.revoke(desk.services, desk.identity("admin"), "acme")
    assert state(desk, swap) is State.CANCELLED


def test_who_has_an_open_swap_is_not_forgotten(desk: Desk, acme: Peer, theirs: SigningKey) -> None:
    admin = desk.identity("admin")
    begun(desk, acme, theirs, State.ACCEPTED, 0)
    with pytest.raises(Conflict, match="1 swap"):
        usecase.remove(desk.services, admin, "acme")
    usecase.revoke(desk.services, admin, "acme")
    usecase.remove(desk.services, admin, "acme")
    assert usecase.listing(desk.services, admin) == []


@pytest.mark.parametrize(("url", "name"), [
    ("https://hub.example.org", "hub.example.org"),
    ("https://hub.example.org/tukar/", "hub.example.org"),
    ("http://hub:8080", "hub-8080"),
    ("http://127.0.0.1:8080", "127.0.0.1-8080"),
    ("http://[fd00::1]:8080", "fd00-1-8080"),
])  # fmt: skip
def test_a_peer_goes_by_its_host(url: str, name: str) -> None:
    assert usecase.default_name(url) == name
