"""The hubs that this one trusts, each by one key: the newest that it has followed it to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound, Refused
from tukar.exchange.endpoint import checked
from tukar.exchange.states import FINAL
from tukar.exchange.tables import peer_keys, peers, swaps
from tukar.objects.index import batches
from tukar.signing import Fingerprint, IdentityDocument, PublicKey, successions
from tukar.types import check_name

PeerState = Literal["trusted", "revoked", "removed"]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another hub.

    Attributes:
        name: what this hub's operator calls it; its fingerprint once it is removed.
        url: its address, without a slash at the end.
        public_key: the newest key that was followed to.
        state: a peer that is revoked, or removed, gets nothing more; one that is removed is kept for old swaps alone.
        added_at: when it was trusted, in seconds since the epoch.
    """

    id: int
    name: str
    url: str
    public_key: PublicKey
    state: PeerState
    added_at: float

    @property
    def fingerprint(self) -> Fingerprint:
        """Of its key."""
        return self.public_key.fingerprint

    @property
    def is_trusted(self) -> bool:
        """Whether it may ask for anything."""
        return self.state == "trusted"


def add(tx: Transaction, name: str, url: str, key: PublicKey, *, now: float) -> Peer:
    """Trust the hub with that key. Whoever calls it has compared the fingerprint.

    Raises:
        Invalid: the name breaks the rules, or the address is none.
        Conflict: there is a peer of that name, in whatever case, or with that key; a revoked one too.
    """
    _check_name(name)
    same_name = _find(tx, sa.func.lower(peers.c.name) == name.lower())
    if same_name is not None:
        raise Conflict(
            f"there is a peer {same_name.name!r}", hint="choose another name with --name", on_page="choose another name"
        )
    row = {"name": name, "url": checked(url, "the peer's address"), "state": "trusted", "added_at": now}
    known = find(tx, key.fingerprint)
    if known is None:
        tx.execute(sa.insert(peers).values(fingerprint=key.fingerprint, public_key=str(key), **row))
    elif known.state == "removed":  # the row is there because old swaps refer to it
        tx.execute(sa.update(peers).where(peers.c.id == known.id).values(**row))
    else:
        raise known_already(known)
    return get(tx, name)


def known_already(peer: Peer) -> Conflict:
    """The error for a key that is a peer's."""
    if peer.is_trusted:
        return Conflict(
            f"the hub with that key is the peer {peer.name!r}",
            hint=f"`tukar peer refresh {peer.name}` asks it anew",
            on_page="if it has a new key, follow it where the peers are listed",
        )
    return Conflict(
        f"the hub with that key is the peer {peer.name!r}, who was revoked",
        hint=f"to trust it again: `tukar peer remove {peer.name}`, then add it anew",
        on_page="to trust it again, remove it where the peers are listed, then add it anew",
    )


def by_id(tx: Transaction, id_: int) -> Peer:
    """The peer in that row, whatever became of it; NotFound if there is none."""
    found = _find(tx, peers.c.id == id_)
    if found is None:
        raise NotFound("there is no such peer")
    return found


def find(tx: Transaction, fingerprint: Fingerprint) -> Peer | None:
    """The hub with that key, whatever became of it; None if it never was a peer."""
    return _find(tx, peers.c.fingerprint == fingerprint)


def known(tx: Transaction, document: IdentityDocument, besides: Peer | None = None) -> Peer | None:
    """A peer, trusted or revoked, that has or had one of the document's keys; None if there is none, or no other."""
    others = [peers.c.state != "removed"] + ([] if besides is None else [peers.c.id != besides.id])
    for some in batches(key.fingerprint for key in document.keys):
        earlier = sa.select(peer_keys.c.peer_id).where(peer_keys.c.fingerprint.in_(some))
        same = peers.c.fingerprint.in_(some) | peers.c.id.in_(earlier)
        row = tx.execute(sa.select(peers).where(same, *others).limit(1)).one_or_none()
        if row is not None:
            return _peer(row)
    return None


def key_of(tx: Transaction, peer: Peer, fingerprint: Fingerprint) -> PublicKey:
    """The peer's key of that fingerprint, current or earlier; Refused if it is not known to be its own."""
    if fingerprint == peer.fingerprint:
        return peer.public_key
    same = (peer_keys.c.peer_id == peer.id) & (peer_keys.c.fingerprint == fingerprint)
    found = tx.execute(sa.select(peer_keys.c.public_key).where(same)).scalar_one_or_none()
    if found is None:
        raise Refused(f"the key {fingerprint.grouped} is not known to be one of {peer.name!r}")
    return PublicKey.parse(found)


def get(tx: Transaction, text: str) -> Peer:
    """The peer of that name, in whatever case, or with that fingerprint as people write it; NotFound if none is."""
    fingerprint = _fingerprint(text)
    wanted = sa.func.lower(peers.c.name) == text.lower() if fingerprint is None else peers.c.fingerprint == fingerprint
    found = _find(tx, wanted) if text.isprintable() else None
    if found is None or found.state == "removed":
        raise NotFound(
            f"there is no peer {text[:100]!r}",
            hint="`tukar peer list` lists them",
            on_page="the page Exchange lists them",
        )
    return found


def listing(tx: Transaction) -> list[Peer]:
    """Every peer, revoked ones too, in the order of their names."""
    rows = tx.execute(sa.select(peers).where(peers.c.state != "removed").order_by(sa.func.lower(peers.c.name)))
    return [_peer(row) for row in rows]


def earlier_keys(tx: Transaction) -> dict[int, list[Fingerprint]]:
    """The keys that peers had before, by the peer's row, as far as they were followed."""
    found: dict[int, list[Fingerprint]] = {}
    for row in tx.execute(sa.select(peer_keys.c.peer_id, peer_keys.c.fingerprint)):
        found.setdefault(row.peer_id, []).append(Fingerprint(row.fingerprint))
    return found


def revoke(tx: Transaction, peer: Peer) -> Peer:
    """Trust it no more: it gets nothing from now on. Its swaps are for the caller to look at."""
    tx.execute(sa.update(peers).where(peers.c.id == peer.id).values(state="revoked"))
    return by_id(tx, peer.id)


def remove(tx: Transaction, peer: Peer) -> None:
    """Forget a peer; its name is free, and it may be added again. Conflict while a swap with it is open."""
    running = sa.and_(swaps.c.peer_id == peer.id, swaps.c.state.not_in([state.value for state in FINAL]))
    count = tx.execute(sa.select(sa.func.count()).select_from(swaps).where(running)).scalar_one()
    if count:
        raise Conflict(
            f"{count} {'swap' if count == 1 else 'swaps'} with {peer.name!r} {'is' if count == 1 else 'are'} open",
            hint="`tukar swap status` says how they stand; `tukar peer revoke` ends those that can be ended",
            on_page="wait until they have ended, or revoke the peer: that ends those that can be ended",
        )
    tx.execute(sa.update(peers).where(peers.c.id == peer.id).values(state="removed", name=peer.fingerprint))


def follow(tx: Transaction, peer: Peer, document: IdentityDocument) -> Peer:
    """Follow a peer to the key that its identity document leads to; the same one if it has made no other.

    What it signed with the earlier ones stays its own. One that is revoked stays revoked under its new key: that is
    followed only so that it is known for what it is, and that swaps which it alone can end hear how they ended.

    Raises:
        Refused: the document does not lead on from the key that is known, or the peer was removed.
        Conflict: it has a key that another peer has or had, or its newest is that of one that was removed.
    """
    if peer.state == "removed":
        raise Refused("the peer was removed: its keys are not followed")
    key = successions.follow(document, peer.fingerprint)
    if key is None:
        raise Refused(
            f"the hub at {peer.url} has the key {document.current.fingerprint.grouped}, and nothing shows that it "
            f"follows {peer.fingerprint.grouped}, the key of {peer.name!r}",
            hint="somebody else may answer there, or with an old copy of the hub. Ask its operator, not over this "
            f"address; if the key is right, `tukar peer remove {peer.name}` and add it anew",
            on_page="somebody else may answer there, or with an old copy of the hub. Ask its operator, not over this "
            "address; if the key is right, remove the peer and add it anew",
        )
    other = known(tx, document, besides=peer)
    if other is not None:
        raise known_already(other)
    removed = find(tx, key.fingerprint)
    if removed is not None and removed.id != peer.id:
        raise Conflict(
            f"the newest key of {peer.name!r}, {key.fingerprint.grouped}, is that of a peer that was removed",
            hint=f"`tukar peer remove {peer.name}`, and add the hub anew by that key",
        )
    _note_earlier(tx, peer, document)
    tx.execute(sa.update(peers).where(peers.c.id == peer.id).values(fingerprint=key.fingerprint, public_key=str(key)))
    return replace(peer, public_key=key)


def _note_earlier(tx: Transaction, peer: Peer, document: IdentityDocument) -> None:
    noted = set(tx.execute(sa.select(peer_keys.c.fingerprint).where(peer_keys.c.peer_id == peer.id)).scalars())
    rows = [
        {"peer_id": peer.id, "fingerprint": key.fingerprint, "public_key": str(key)}
        for key in document.keys
        if key != document.current and key.fingerprint not in noted
    ]
    if rows:
        tx.execute(sa.insert(peer_keys), rows)


def _check_name(name: str) -> None:
    check_name(name)
    if _fingerprint(name) is not None:
        raise Invalid(
            f"{name!r} is a fingerprint, not a name",
            hint="choose another name with --name",
            on_page="choose another name",
        )


def _fingerprint(text: str) -> Fingerprint | None:
    try:
        return Fingerprint.parse(text)
    except Invalid:
        return None


def _find(tx: Transaction, wanted: sa.ColumnElement[bool]) -> Peer | None:
    row = tx.execute(sa.select(peers).where(wanted)).one_or_none()
    return None if row is None else _peer(row)


def _peer(row: sa.Row[tuple[object, ...]]) -> Peer:
    found = row._mapping
    key = PublicKey.parse(found["public_key"])
    return Peer(found["id"], found["name"], found["url"], key, found["state"], found["added_at"])
