"""Swaps that this hub took part in, as it keeps them once they are published."""

from __future__ import annotations

from dataclasses import dataclass

from tukar.catalog import repositories, users
from tukar.catalog.values import Identity
from tukar.exchange import identity, peers, protocol, summaries, swaps
from tukar.exchange.offers import ACCEPTANCE, OFFER, RECEIPT, Acceptance, Offer, Reference, receipt_payload
from tukar.exchange.states import Role, State, Swap
from tukar.exchange.swaps import Record
from tukar.hub import Hub
from tukar.signing import SigningKey, sign
from tukar.testing.receipts import made_item
from tukar.types import RepoId

from .conftest import START

FAR = SigningKey.generate()


def administrator(hub: Hub) -> Identity:
    with hub.services.database.read() as tx:
        return Identity(users.get(tx, "admin"), "write")


def offered(
    hub: Hub,
    gives: tuple[str, ...],
    asks: tuple[str, ...] = (),
    *,
    peer: str = "rumah",
    note: str = "",
    wanted: str = "",
    seconds: int = 7 * 86_400,
) -> Record:
    """An offer that a peer made to this hub, as it lies here before anybody has decided."""
    with hub.services.database.write() as tx:
        near = identity.current(tx)
        items = tuple(made_item(name, {"README.md": name.encode()}) for name in gives)
        asked = tuple(Reference(RepoId.parse(name), "main") for name in asks)
        nonce = f"{len(summaries.summaries(tx)):032x}"
        offer = Offer(FAR.public, near.public, nonce, START, START + seconds, items, asked, note, wanted)
        far = peers.find(tx, FAR.public.fingerprint) or peers.add(tx, peer, "http://far.test", FAR.public, now=START)
        made = protocol.begin(Role.ACCEPTOR, receives=bool(gives))
        record = Record(offer.swap, far.id, made, sign(OFFER, offer.payload(), FAR), {}, None, START, START)
        swaps.insert(tx, record)
    return record


@dataclass(frozen=True)
class Published:
    """A swap: what this hub gave, what it got, and where that is."""

    gave: tuple[str, ...]
    got: tuple[str, ...]
    here: tuple[str, ...]


def published(hub: Hub, swap: Published, *, peer: str = "rumah", offerer: bool = True, number: int = 0) -> Record:
    """Note a swap as published; the repositories named in it have to be here."""
    near, admin = SigningKey.generate(), administrator(hub)
    gives, takes = (swap.gave, swap.got) if offerer else (swap.got, swap.gave)
    keys = (near, FAR) if offerer else (FAR, near)
    items = [tuple(made_item(name, {"README.md": name.encode()}) for name in side) for side in (gives, takes)]
    asked = tuple(Reference(RepoId.parse(name), "main") for name in takes)
    offer = Offer(keys[0].public, keys[1].public, f"{number:032x}", START, START + 60, items[0], asked)
    acceptance = Acceptance(offer.swap, items[1])
    with hub.services.database.write() as tx:
        far = peers.find(tx, FAR.public.fingerprint) or peers.add(tx, peer, "http://far.test", FAR.public, now=START)
        record = Record(
            offer.swap,
            far.id,
            Swap(Role.OFFERER if offerer else Role.ACCEPTOR, State.PUBLISHED, arrived=True, signed=True),
            sign(OFFER, offer.payload(), keys[0]),
            {},
            None,
            START,
            START + 3600.0 + number,
            acceptance_envelope=sign(ACCEPTANCE, acceptance.payload(), keys[1]),
            receipt=sign(RECEIPT, receipt_payload(offer, acceptance), *keys),
        )
        swaps.insert(tx, record)
        for name in (*swap.gave, *swap.here):
            swaps.attach(tx, record.id, repositories.get(tx, admin, RepoId.parse(name)).id)
    return record
