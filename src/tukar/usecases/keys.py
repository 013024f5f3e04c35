"""This hub's keys, for those who run it; and its identity, for everybody."""

from __future__ import annotations

from tukar.catalog.values import Identity
from tukar.exchange import identity as identities
from tukar.exchange.identity import HubKey
from tukar.signing import IdentityDocument
from tukar.usecases.accounts import require_admin
from tukar.usecases.services import Services


def document(services: Services) -> IdentityDocument:
    """What anybody may know of this hub: its current key, and how it came to it."""
    with services.database.read() as tx:
        return identities.document(tx)


def history(services: Services, identity: Identity) -> list[HubKey]:
    """All keys of this hub, oldest first, the current one last."""
    require_admin(identity)
    with services.database.read() as tx:
        return identities.history(tx)


def rotate(services: Services, identity: Identity) -> list[HubKey]:
    """Go on with a new key; all keys then. Peers that know the one until now can follow."""
    require_admin(identity)
    with services.database.write() as tx:
        identities.rotate(tx, services.clock())
        return identities.history(tx)
