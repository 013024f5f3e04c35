"""Facts of this hub that must survive a restart, by name."""

from __future__ import annotations

import sqlalchemy as sa

from tukar.database.connect import Transaction
from tukar.database.tables import settings


def get(tx: Transaction, name: str) -> str | None:
    """The fact of that name, or None."""
    return tx.execute(sa.select(settings.c.value).where(settings.c.key == name)).scalar_one_or_none()


def put(tx: Transaction, name: str, value: str) -> None:
    """Set a fact."""
    if tx.execute(settings.update().where(settings.c.key == name).values(value=value)).rowcount == 0:
        tx.execute(settings.insert().values(key=name, value=value))


def drop(tx: Transaction, name: str) -> None:
    """Forget a fact, if there is one of that name."""
    tx.execute(settings.delete().where(settings.c.key == name))
