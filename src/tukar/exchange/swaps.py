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
from tukar.exchange.states import FINAL, Cause, Role, State, Swap
from tukar.exchange.tables import receipt_repositories, swap_statements, swaps
from tukar.exchange.terms import Terms
from tukar.signing import Envelope, Fingerprint, PublicKey
from tukar.types import RepoId, RepoType


@dataclass(frozen=True, slots=True)
class Target:
    """Where what comes is published here.

    Attributes:
        repo_id: the name that it is to have.
        published: the name that it got, which is another one where that was taken by then; None before.
        commit: that was made here; empty before, and of swaps that were published before it was noted.
    """

    repo_id: RepoId
    private: bool
    published: RepoId | None = None
    commit: str = ""

    @property
    def name(self) -> RepoId:
        """The name that it has, or is to have."""
        return self.published or self.repo_id


ENDED: Final = swaps.c.state.in_([state.value for state in FINAL])
"""Whether a row's swap has ended here."""

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
        offer_envelope, acceptance_envelope: the signed statements; the offer's is None once it is not kept any more.
        signature: the receipt with the acceptor's signature.
        receipt: the receipt with both.
        targets: where to publish what comes, by the repository's full name on the other hub.
        user_id: who offered or accepted it here; None if they were removed.
        error: what stands in the way now.
        reached_at: when the other hub last spoke of it with this one; None before.
        kept: the offer in short, as it is stored; None for a new swap.
    """

    id: str
    peer_id: int
    swap: Swap
    offer_envelope: Envelope | None
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
    kept: Terms | None = None

    @cached_property
    def offer(self) -> Offer:
        """What was offered; Conflict once it is not kept any more."""
        if self.offer_envelope is None:
            raise Conflict("the swap ended without being accepted: what was offered is not kept")
        return Offer.read(self.offer_envelope.payload)

    @cached_property
    def terms(self) -> Terms:
        """What was offered, in short."""
        return self.kept or Terms.of(self.offer)

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
    def is_spent(self) -> bool:
        """Whether it is a peer's offer that ended without being accepted: nothing can come of what it says."""
        return self.swap.role is Role.ACCEPTOR and not self.is_open and self.acceptance_envelope is None

    @property
    def has_expired(self) -> bool:
        """Whether its offer ran out before anybody accepted it."""
        accepted = self.acceptance_envelope is not None
        return ran_out(self.swap, self.changed_at, self.terms.expires_at, accepted=accepted)

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
        keys = (PublicKey.parse(self.terms.offerer), PublicKey.parse(self.terms.acceptor))
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
    if tx.execute(sa.select(swaps.c.id).where(swaps.c.id == record.id)).first() is not None:
        raise Conflict(f"swap {record.id[:12]} is known already")
    terms = record.terms
    short = {"nonce": terms.nonce, "expires_at": float(terms.expires_at), "terms": terms.written()}
    once = {"id": record.id, "created_at": record.created_at, "reached_at": record.reached_at}
    tx.execute(swaps.insert().values(**once, **short, **_values(record)))
    _store_statements(tx, record)


def save(tx: Transaction, record: Record) -> None:
    """Note how a swap is now."""
    tx.execute(swaps.update().where(swaps.c.id == record.id).values(**_values(record)))
    _store_statements(tx, record)


def _store_statements(tx: Transaction, record: Record) -> None:
    """Add those that are new, and drop those that are not kept any more. None is ever changed."""
    wanted = {
        "offer": record.offer_envelope,
        "acceptance": record.acceptance_envelope,
        "signature": record.signature,
        "receipt": record.receipt,
    }
    columns = swap_statements.c
    stored = set(tx.execute(sa.select(columns.kind).where(columns.swap_id == record.id)).scalars())
    for kind, envelope in wanted.items():
        if envelope is None and kind in stored:
            tx.execute(swap_statements.delete().where(columns.swap_id == record.id, columns.kind == kind))
        elif envelope is not None and kind not in stored:
            data = envelope.encode()
            tx.execute(swap_statements.insert().values(swap_id=record.id, kind=kind, envelope=data, size=len(data)))


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
    return None if row is None else _record(tx, row)


def get(tx: Transaction, prefix: str) -> Record:
    """The swap whose id begins so, with 6 hex digits or more; NotFound if none does, Conflict if several do."""
    query = sa.select(swaps).where(swaps.c.id.startswith(prefix, autoescape=True)).limit(2)
    rows = tx.execute(query).all() if len(prefix) >= 6 else []
    if len(rows) > 1:
        raise Conflict(f"several swaps begin with {prefix[:64]}", hint="write more of the id")
    if not rows:
        raise NotFound(
            f"no swap {prefix[:64]!r}", hint="`tukar swap status` lists them", on_page="the page Exchange lists them"
        )
    return _record(tx, rows[0])


def by_nonce(tx: Transaction, nonce: str) -> Record | None:
    """This hub's own offer that has the nonce."""
    mine = (swaps.c.nonce == nonce) & (swaps.c.role == Role.OFFERER.value)
    row = tx.execute(sa.select(swaps).where(mine).limit(1)).one_or_none()
    return None if row is None else _record(tx, row)


def open_with(tx: Transaction, peer_id: int) -> list[str]:
    """The ids of the swaps with a peer that have not ended here."""
    return list(tx.execute(sa.select(swaps.c.id).where(swaps.c.peer_id == peer_id, ~ENDED)).scalars())


def depends_on(tx: Transaction, user_id: int, namespace: str) -> list[str]:
    """The ids of the swaps that have not ended here, and that a user takes part in or that publish in a namespace."""
    rows = tx.execute(sa.select(swaps.c.id, swaps.c.user_id, swaps.c.targets).where(~ENDED)).all()
    return [row.id for row in rows if row.user_id == user_id or namespace.lower() in _namespaces(row.targets)]


def _namespaces(targets: str) -> set[str]:
    return {target.repo_id.namespace.lower() for _, target in (_target(*each) for each in json.loads(targets))}


def unfinished(tx: Transaction) -> list[str]:
    """The ids of the swaps in which something is to be said or done."""
    return list(tx.execute(sa.select(swaps.c.id).where(~(ENDED & swaps.c.settled))).scalars())


def attach(tx: Transaction, swap_id: str, repository_id: int) -> None:
    """The receipt of a swap speaks of a repository here, or will once there is one."""
    row = {"swap_id": swap_id, "repository_id": repository_id}
    known = sa.select(receipt_repositories.c.swap_id).filter_by(**row)
    if tx.execute(known).first() is None:
        tx.execute(receipt_repositories.insert().values(**row))


def detach(tx: Transaction, swap_id: str) -> None:
    """There will be no receipt of a swap."""
    tx.execute(receipt_repositories.delete().where(receipt_repositories.c.swap_id == swap_id))


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
        "accepted": record.acceptance_envelope is not None,
        "targets": json.dumps([_target_row(theirs, target) for theirs, target in record.targets.items()]),
        "user_id": record.user_id,
        "moved": record.moved.written(),
        "error": record.error,
        "changed_at": record.changed_at,
    }


def _target_row(theirs: RepoId, target: Target) -> list[str | bool]:
    names: list[str | bool] = [theirs.type, str(theirs), str(target.repo_id), target.private]
    return names if target.published is None else [*names, str(target.published), target.commit]


def _target(
    kind: RepoType, theirs: str, ours: str, private: bool, published: str | None = None, commit: str = ""
) -> tuple[RepoId, Target]:
    name = None if published is None else RepoId.parse(published, kind)
    return RepoId.parse(theirs, kind), Target(RepoId.parse(ours, kind), private, name, commit)


def _record(tx: Transaction, row: sa.Row[Any]) -> Record:
    columns = swap_statements.c
    found = tx.execute(sa.select(columns.kind, columns.envelope).where(columns.swap_id == row.id))
    signed = {kind: Envelope.parse(bytes(envelope)) for kind, envelope in found}
    return Record(
        row.id,
        row.peer_id,
        side_of(row),
        signed.get("offer"),
        dict(_target(*each) for each in json.loads(row.targets)),
        row.user_id,
        row.created_at,
        row.changed_at,
        row.reason,
        signed.get("acceptance"),
        signed.get("signature"),
        signed.get("receipt"),
        Moved(*json.loads(row.moved)),
        row.error,
        row.reached_at,
        Terms.read(row.terms, row.nonce, row.expires_at),
    )


def ran_out(swap: Swap, changed_at: float, expires_at: float, *, accepted: bool) -> bool:
    """Whether an offer ran out before anybody accepted it; who noticed it first, this hub or the other."""
    late = swap.ending is Cause.PEER and changed_at >= expires_at
    return not accepted and (late or swap.ending is Cause.EXPIRED)


def side_of(row: sa.Row[Any]) -> Swap:
    """Where this side is, by its row."""
    ending = None if row.ending is None else Cause(row.ending)
    return Swap(Role(row.role), State(row.state), row.arrived, row.signed, row.settled, ending)
