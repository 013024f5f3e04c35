"""The swaps that this hub takes part in, as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final, Self

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import Conflict, NotFound
from tukar.exchange.offers import Acceptance, Item, Offer
from tukar.exchange.states import FINAL, Ending, Role, State, Swap
from tukar.exchange.tables import receipt_repositories, swaps
from tukar.signing import Envelope, Fingerprint, PublicKey
from tukar.types import RepoId, RepoType


@dataclass(frozen=True, slots=True)
class Target:
    """Where what comes is published here.

    Attributes:
        repo_id: the name that it is to have.
        published: the name that it got, which is another one where that was taken by then; None before.
    """

    repo_id: RepoId
    private: bool
    published: RepoId | None = None

    @property
    def name(self) -> RepoId:
        """The name that it has, or is to have."""
        return self.published or self.repo_id


_PROGRESS: Final = 1 << 20  # bytes
_LONGEST: Final = 10  # times as long as one may be idle


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes of a swap, as this hub counted them.

    Attributes:
        fetched: that came over the wire.
        avoided: of the files that come here, those that did not have to.
        total: of the files that come here.
        grown_at: when enough more had come to be progress, in seconds since the epoch; 0 before that.
        counted: what had come by then.
        planned: whether it is known what does not have to come.
    """

    fetched: int = 0
    avoided: int = 0
    total: int = 0
    grown_at: float = 0.0
    counted: int = 0
    planned: bool = False

    def plan(self, left: int, total: int) -> Moved:
        """With what does not have to come, once it is known what does; later, with what must have come since.

        For what came is noted every second, and whoever is killed in between has not noted all of it.
        """
        if not self.planned:
            return replace(self, avoided=max(0, total - left), total=total, planned=True)
        return replace(self, fetched=max(self.fetched, total - self.avoided - left), total=total)

    def grown(self, fetched: int, total: int, now: float) -> Moved:
        """With what has come by now. Too little of it is no progress: it may drip for ever."""
        if fetched < self.counted + min(_PROGRESS, max(total // 1000, 1)):
            return replace(self, fetched=fetched, total=total)
        return replace(self, fetched=fetched, total=total, grown_at=now, counted=fetched)

    def deadline(self, since: float, idle: float) -> float:
        """When a swap that waits since then is given up: after ``idle`` seconds without progress, or ten times that."""
        latest: float = max(since, self.grown_at) + idle
        return min(latest, since + _LONGEST * idle)

    def written(self) -> str:
        """As it is stored."""
        return json.dumps([getattr(self, each.name) for each in fields(self)])


@dataclass(frozen=True)
class Record:
    """A swap with all that this hub keeps of it.

    Attributes:
        swap: where this side is.
        reason: of whoever ended it, in words; else empty.
        offer_envelope, acceptance_envelope: the signed statements.
        signature: the receipt with the acceptor's signature.
        receipt: the receipt with both.
        targets: where to publish what comes, by the repository's full name on the other hub.
        user_id: who offered or accepted it here; None if they were removed.
        error: what stands in the way now.
        reached_at: when the other hub last spoke of it with this one; None before.
    """

    id: str
    peer_id: int
    swap: Swap
    offer_envelope: Envelope
    targets: Mapping[RepoId, Target]
    user_id: int | None
    created_at: float
    changed_at: float
    reason: str = ""
    acceptance_envelope: Envelope | None = None
    signature: Envelope | None = None
    receipt: Envelope | None = None
    moved: Moved = Moved()
    error: str | None = None
    reached_at: float | None = None

    @cached_property
    def offer(self) -> Offer:
        """What was offered."""
        return Offer.read(self.offer_envelope.payload)

    @cached_property
    def acceptance(self) -> Acceptance | None:
        """How it was accepted; None before."""
        envelope = self.acceptance_envelope
        return None if envelope is None else Acceptance.read(envelope.payload, self.offer)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended here."""
        return self.swap.state not in FINAL

    @property
    def mine(self) -> Fingerprint:
        """The fingerprint of the key that this hub takes part with."""
        return self.keys[0].fingerprint

    @property
    def theirs(self) -> PublicKey:
        """The other hub's key in this swap."""
        return self.keys[1]

    @property
    def keys(self) -> tuple[PublicKey, PublicKey]:
        """This hub's key and the other's, as the offer names them."""
        keys = (self.offer.offerer, self.offer.acceptor)
        return keys if self.swap.role is Role.OFFERER else (keys[1], keys[0])

    @property
    def given(self) -> tuple[Item, ...]:
        """What this hub hands over, as far as it is known."""
        return self._items(Role.OFFERER)

    @property
    def coming(self) -> tuple[Item, ...]:
        """What is handed to this hub, as far as it is known."""
        return self._items(Role.ACCEPTOR)

    def _items(self, giver_of_offer: Role) -> tuple[Item, ...]:
        if self.swap.role is giver_of_offer:
            return self.offer.give
        return self.acceptance.take if self.acceptance else ()

    @property
    def arriving(self) -> str:
        """For whom what comes is held."""
        return f"swap:{self.id}"

    @property
    def leaving(self) -> str:
        """For whom what is handed over is held."""
        return f"give:{self.id}"

    def with_(self, **changes: Any) -> Self:
        """The same with other values."""
        return replace(self, **changes)


def insert(tx: Transaction, record: Record) -> None:
    """Note a new swap; Conflict if it is known."""
    if find(tx, record.id) is not None:
        raise Conflict(f"swap {record.id[:12]} is known already")
    once = {"id": record.id, "created_at": record.created_at, "reached_at": record.reached_at}
    tx.execute(swaps.insert().values(**once, **_values(record)))


def save(tx: Transaction, record: Record) -> None:
    """Note how a swap is now."""
    tx.execute(swaps.update().where(swaps.c.id == record.id).values(**_values(record)))


def moved(tx: Transaction, swap_id: str) -> Moved:
    """What came over the wire for a swap, as far as it was noted; nothing if there is no such swap."""
    noted = tx.execute(sa.select(swaps.c.moved).where(swaps.c.id == swap_id)).scalar_one_or_none()
    return Moved(*json.loads(noted)) if noted else Moved()


def note_fetched(tx: Transaction, swap_id: str, moved: Moved) -> float | None:
    """Note how much has come, and nothing else, for as long as the swap waits for it; since when it does.

    None, and nothing is changed, for one that waits for nothing more.
    """
    waiting = (swaps.c.state == State.ACCEPTED.value) & ~swaps.c.arrived
    noted = swaps.update().where(swaps.c.id == swap_id, waiting).values(moved=moved.written())
    return tx.execute(noted.returning(swaps.c.changed_at)).scalar_one_or_none()


def note_error(tx: Transaction, swap_id: str, error: str | None) -> None:
    """Note what stands in the way of a swap now, and nothing else."""
    tx.execute(swaps.update().where(swaps.c.id == swap_id).values(error=error))


def note_reached(tx: Transaction, swap_id: str, now: float) -> None:
    """Note that the other hub spoke of a swap, and nothing else."""
    tx.execute(swaps.update().where(swaps.c.id == swap_id).values(reached_at=now))


def find(tx: Transaction, swap_id: str) -> Record | None:
    """The swap of that id."""
    row = tx.execute(sa.select(swaps).where(swaps.c.id == swap_id)).one_or_none()
    return None if row is None else _record(row)


def get(tx: Transaction, prefix: str) -> Record:
    """The swap whose id begins so, with 6 hex digits or more; NotFound if none does, Conflict if several do."""
    query = sa.select(swaps).where(swaps.c.id.startswith(prefix, autoescape=True)).limit(2)
    rows = tx.execute(query).all() if len(prefix) >= 6 else []
    if len(rows) > 1:
        raise Conflict(f"several swaps begin with {prefix[:64]}", hint="write more of the id")
    if not rows:
        raise NotFound(f"no swap {prefix[:64]!r}", hint="`tukar swap status` lists them")
    return _record(rows[0])


def listing(tx: Transaction, peer_id: int | None = None) -> list[Record]:
    """All swaps, or those with a peer, the newest first."""
    query = sa.select(swaps).order_by(swaps.c.created_at.desc(), swaps.c.id)
    if peer_id is not None:
        query = query.where(swaps.c.peer_id == peer_id)
    return [_record(row) for row in tx.execute(query)]


def unfinished(tx: Transaction) -> list[str]:
    """The ids of the swaps in which something is to be said or done."""
    final = swaps.c.state.in_([state.value for state in FINAL])
    return list(tx.execute(sa.select(swaps.c.id).where(~(final & swaps.c.settled))).scalars())


def attach(tx: Transaction, swap_id: str, repository_id: int) -> None:
    """The receipt of a swap speaks of a repository here."""
    row = {"swap_id": swap_id, "repository_id": repository_id}
    known = sa.select(receipt_repositories.c.swap_id).filter_by(**row)
    if tx.execute(known).first() is None:
        tx.execute(receipt_repositories.insert().values(**row))


def _values(record: Record) -> dict[str, object]:
    swap = record.swap
    return {
        "peer_id": record.peer_id,
        "role": swap.role.value,
        "state": swap.state.value,
        "arrived": swap.arrived,
        "signed": swap.signed,
        "settled": swap.settled,
        "ending": None if swap.ending is None else swap.ending.value,
        "reason": record.reason,
        "offer": record.offer_envelope.encode(),
        "acceptance": _encoded(record.acceptance_envelope),
        "signature": _encoded(record.signature),
        "receipt": _encoded(record.receipt),
        "targets": json.dumps([_target_row(theirs, target) for theirs, target in record.targets.items()]),
        "user_id": record.user_id,
        "moved": record.moved.written(),
        "error": record.error,
        "changed_at": record.changed_at,
    }


def _target_row(theirs: RepoId, target: Target) -> list[str | bool]:
    names: list[str | bool] = [theirs.type, str(theirs), str(target.repo_id), target.private]
    return names if target.published is None else [*names, str(target.published)]


def _target(
    kind: RepoType, theirs: str, ours: str, private: bool, published: str | None = None
) -> tuple[RepoId, Target]:
    name = None if published is None else RepoId.parse(published, kind)
    return RepoId.parse(theirs, kind), Target(RepoId.parse(ours, kind), private, name)


def _record(row: sa.Row[Any]) -> Record:
    ending = None if row.ending is None else Ending(row.ending)
    return Record(
        row.id,
        row.peer_id,
        Swap(Role(row.role), State(row.state), row.arrived, row.signed, row.settled, ending),
        Envelope.parse(row.offer),
        dict(_target(*each) for each in json.loads(row.targets)),
        row.user_id,
        row.created_at,
        row.changed_at,
        row.reason,
        _parsed(row.acceptance),
        _parsed(row.signature),
        _parsed(row.receipt),
        Moved(*json.loads(row.moved)),
        row.error,
        row.reached_at,
    )


def _encoded(envelope: Envelope | None) -> bytes | None:
    return None if envelope is None else envelope.encode()


def _parsed(data: bytes | None) -> Envelope | None:
    return None if data is None else Envelope.parse(data)
