"""Swaps as lists show them, and counted: by their rows alone, without what was signed, which may be large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import NotFound
from tukar.exchange.states import FINAL, Role, State, Swap
from tukar.exchange.swaps import ENDED, ran_out, side_of
from tukar.exchange.tables import swap_statements, swaps
from tukar.exchange.terms import Terms

Part = Literal["waiting", "moving", "ended"]
"""Offers of peers that wait for a decision here, other swaps that have not ended, and those that have."""

_WAITING: Final = (swaps.c.role == Role.ACCEPTOR.value) & (swaps.c.state == State.OFFERED.value)
_PARTS: Final[Mapping[Part, sa.ColumnElement[bool]]] = {
    "waiting": _WAITING,
    "moving": ~ENDED & ~_WAITING,
    "ended": ENDED,
}
_UNDECIDED: Final = (swaps.c.role == Role.ACCEPTOR.value) & ~swaps.c.accepted


@dataclass(frozen=True, slots=True)
class Summary:
    """A swap in a list; see `Record` for what the fields mean."""

    id: str
    peer_id: int
    swap: Swap
    terms: Terms
    reason: str
    error: str | None
    created_at: float
    changed_at: float
    accepted: bool

    @property
    def has_expired(self) -> bool:
        """Whether its offer ran out before anybody accepted it."""
        return ran_out(self.swap, self.changed_at, self.terms.expires_at, accepted=self.accepted)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended here."""
        return self.swap.state not in FINAL

    @property
    def waits(self) -> bool:
        """Whether it waits for a decision here."""
        return (self.swap.role, self.swap.state) == (Role.ACCEPTOR, State.OFFERED)


def summaries(
    tx: Transaction, part: Part | None = None, *, limit: int | None = None, before: str | None = None
) -> list[Summary]:
    """Swaps, the newest first; all, or those of one part.

    Args:
        limit: how many at most.
        before: the id of the one after which the list goes on; NotFound if there is none.
    """
    query = sa.select(swaps).order_by(swaps.c.created_at.desc(), swaps.c.id).limit(limit)
    if part is not None:
        query = query.where(_PARTS[part])
    if before is not None:
        made = tx.execute(sa.select(swaps.c.created_at).where(swaps.c.id == before)).scalar_one_or_none()
        if made is None:
            raise NotFound(f"no swap {before[:64]!r} after which the list could go on")
        query = query.where((swaps.c.created_at < made) | ((swaps.c.created_at == made) & (swaps.c.id > before)))
    return [_summary(row) for row in tx.execute(query)]


def count(tx: Transaction, part: Part) -> int:
    """How many swaps a part has."""
    found: int = tx.execute(sa.select(sa.func.count()).select_from(swaps).where(_PARTS[part])).scalar_one()
    return found


def _summary(row: sa.Row[Any]) -> Summary:
    terms = Terms.read(row.terms, row.nonce, row.expires_at)
    side = side_of(row)
    times = (row.created_at, row.changed_at)
    return Summary(row.id, row.peer_id, side, terms, row.reason, row.error, *times, row.accepted)


@dataclass(frozen=True, slots=True)
class Undecided:
    """What a peer offered and nobody here accepted.

    Attributes:
        waiting: offers that wait for a decision.
        nbytes: of what is kept of them.
        recent: offers, waiting or ended, that came since a moment.
        spent: those that ended.
    """

    waiting: int
    nbytes: int
    recent: int
    spent: int


def count_undecided(tx: Transaction, peer_id: int, since: float) -> Undecided:
    """What of a peer's offers nobody here accepted; what came after ``since`` is recent."""
    mine = _UNDECIDED & (swaps.c.peer_id == peer_id)
    cases = (_WAITING, swaps.c.created_at > since, ENDED)
    counts = tx.execute(sa.select(*(sa.func.count().filter(each) for each in cases)).where(mine)).one()
    size = sa.select(sa.func.coalesce(sa.func.sum(swap_statements.c.size), 0)).join_from(swap_statements, swaps)
    nbytes = int(tx.execute(size.where(mine)).scalar_one())
    return Undecided(counts[0], nbytes, counts[1], counts[2])


def forget_spent(tx: Transaction, peer_id: int, before: float) -> None:
    """Forget those of a peer's offers that ended without being accepted and could have been until ``before``."""
    old = _UNDECIDED & ENDED & (swaps.c.peer_id == peer_id) & (swaps.c.expires_at < before)
    tx.execute(swaps.delete().where(old))
