"""Who may see a receipt: it names all that was handed over, in both directions, and nothing of it can be left out."""

from __future__ import annotations

import sqlalchemy as sa

from tukar.catalog import rights, tables
from tukar.catalog.values import Identity
from tukar.database import Transaction
from tukar.exchange.handovers import Handover
from tukar.exchange.tables import receipt_repositories


def may_see(tx: Transaction, identity: Identity, handover: Handover) -> bool:
    """Whether they may read, on this hub, everything that the receipt of a swap names. Administrators may see all.

    A public model may have been given for a private one. One that is not here any more may have been private.
    """
    if rights.may_administer(identity):
        return True
    attached, repositories = receipt_repositories.c, tables.repositories
    query = sa.select(sa.func.count()).select_from(receipt_repositories)
    query = query.join(repositories, repositories.c.id == attached.repository_id)
    readable = tx.execute(query.where(attached.swap_id == handover.id, rights.readable(identity))).scalar_one()
    return bool(readable == len(handover.given) + len(handover.coming))
