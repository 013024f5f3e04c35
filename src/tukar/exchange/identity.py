"""This hub's keys, oldest first: the last is the current one, and what the earlier ones signed stays verifiable.

Private keys lie in the database, as the models do: who may read one may read the other. docs/decisions/0016-hub-keys.md
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import NotFound
from tukar.exchange.tables import hub_keys
from tukar.signing import Envelope, Fingerprint, IdentityDocument, SigningKey, Succession


@dataclass(frozen=True, slots=True)
class HubKey:
    """One of this hub's keys.

    Attributes:
        since: when it became the hub's, in seconds since the epoch.
    """

    fingerprint: Fingerprint
    since: float


def prepare(tx: Transaction, now: float) -> None:
    """Make the first key, if there is none. Whoever opens a hub does it, so that reading never has to."""
    if tx.execute(sa.select(hub_keys.c.id).limit(1)).first() is None:
        _insert(tx, SigningKey.generate(), None, now)


def current(tx: Transaction) -> SigningKey:
    """The key that this hub signs with; NotFound if it was never prepared."""
    return keys(tx)[-1]


def keys(tx: Transaction) -> tuple[SigningKey, ...]:
    """Every key, oldest first, the current one last; NotFound if there is none."""
    rows = tx.execute(sa.select(hub_keys.c.private).order_by(hub_keys.c.id)).scalars().all()
    if not rows:
        raise NotFound("this hub has no key")
    return tuple(SigningKey.from_pem(bytes(row)) for row in rows)


def key_of(tx: Transaction, fingerprint: Fingerprint) -> SigningKey:
    """The key of that fingerprint, current or earlier; NotFound if it is not this hub's."""
    found = next((key for key in keys(tx) if key.public.fingerprint == fingerprint), None)
    if found is None:
        raise NotFound(f"the key {fingerprint.grouped} is not this hub's")
    return found


def history(tx: Transaction) -> list[HubKey]:
    """Every key's fingerprint, oldest first."""
    since = tx.execute(sa.select(hub_keys.c.created_at).order_by(hub_keys.c.id)).scalars()
    return [HubKey(key.public.fingerprint, at) for key, at in zip(keys(tx), since, strict=True)]


def document(tx: Transaction) -> IdentityDocument:
    """What this hub tells everybody of itself: its current key, and how it came to it."""
    query = sa.select(hub_keys.c.succession).where(hub_keys.c.succession.is_not(None)).order_by(hub_keys.c.id)
    envelopes = [Envelope.parse(bytes(row)) for row in tx.execute(query).scalars()]
    return IdentityDocument(current(tx).public, tuple(Succession.read(envelope) for envelope in envelopes))


def rotate(tx: Transaction, now: float) -> IdentityDocument:
    """Go on with a new key, which the one until now signs for; Invalid after a thousand times."""
    new = SigningKey.generate()
    rotated = document(tx).succeeded(current(tx), new, int(now))
    _insert(tx, new, rotated.successions[-1].envelope, now)
    return rotated


def _insert(tx: Transaction, key: SigningKey, succession: Envelope | None, now: float) -> None:
    envelope = None if succession is None else succession.encode()
    tx.execute(sa.insert(hub_keys).values(private=key.to_pem(), succession=envelope, created_at=now))
