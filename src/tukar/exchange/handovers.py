"""Published swaps in short: what went and what came, by name, without the many files that their statements list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.exchange.states import State
from tukar.exchange.swaps import Record, get
from tukar.exchange.tables import receipt_repositories, swap_statements, swaps
from tukar.signing import Envelope, Fingerprint
from tukar.types import RepoId


@dataclass(frozen=True, slots=True)
class Handover:
    """A swap that this hub has published its part of.

    Attributes:
        id: the swap's.
        ended_at: when, in seconds since the epoch.
        theirs: of the other hub's key in this swap.
        given: the repositories that this hub handed over, by their names here.
        coming: those that were handed to it, by their names on the other hub.
    """

    id: str
    peer_id: int
    ended_at: float
    theirs: Fingerprint
    given: tuple[RepoId, ...]
    coming: tuple[RepoId, ...]

    @classmethod
    def of(cls, record: Record) -> Self:
        """From all that is kept."""
        given, coming = (tuple(item.repository for item in items) for items in (record.given, record.coming))
        return cls(record.id, record.peer_id, record.changed_at, record.theirs.fingerprint, given, coming)


def note(tx: Transaction, record: Record) -> None:
    """Keep a swap in short as well, once it is published."""
    found = Handover.of(record)
    given, coming = ([[each.type, str(each)] for each in names] for names in (found.given, found.coming))
    text = json.dumps([found.theirs, given, coming])
    tx.execute(swaps.update().where(swaps.c.id == record.id).values(handed_over=text))


def of_repository(tx: Transaction, repository_id: int) -> list[Handover]:
    """The swaps whose receipts speak of a repository, the newest first."""
    query = sa.select(swaps.c.id, swaps.c.peer_id, swaps.c.changed_at, swaps.c.handed_over)
    query = query.join_from(swaps, receipt_repositories).where(receipt_repositories.c.repository_id == repository_id)
    rows = tx.execute(query.where(swaps.c.state == State.PUBLISHED.value).order_by(swaps.c.changed_at.desc())).all()
    return [_handover(row) if row.handed_over else Handover.of(get(tx, row.id)) for row in rows]


def receipt(tx: Transaction, swap_id: str) -> Envelope:
    """The receipt of a published swap."""
    columns = swap_statements.c
    found = sa.select(columns.envelope).where(columns.swap_id == swap_id, columns.kind == "receipt")
    return Envelope.parse(bytes(tx.execute(found).scalar_one()))


def _handover(row: Any) -> Handover:
    theirs, *sides = json.loads(row.handed_over)
    given, coming = (tuple(RepoId.parse(name, kind) for kind, name in side) for side in sides)
    return Handover(row.id, row.peer_id, row.changed_at, Fingerprint(theirs), given, coming)
