"""One swap, read from a hub as its operator sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from tukar.catalog import repositories
from tukar.catalog.values import Identity
from tukar.database import Transaction
from tukar.errors import Invalid, NotFound
from tukar.exchange import protocol
from tukar.exchange.offers import Item, Reference
from tukar.exchange.sentences import explain
from tukar.exchange.states import Act, Role, State
from tukar.exchange.summaries import Summary
from tukar.exchange.swaps import Record
from tukar.exchange.terms import Side, Terms
from tukar.gallery import addresses
from tukar.gallery.exchange_views import Handed, Moved, Names, Publication, SwapLine, SwapPage
from tukar.gallery.proposals import name_of
from tukar.types import RepoId
from tukar.usecases import handing, request, swap
from tukar.usecases.services import Services
from tukar.usecases.swap import Line, Shown

MAX_FILES: Final = 40
_ACTS: Final = {"accept": Act.ACCEPT, "refuse": Act.REFUSE, "cancel": Act.CANCEL}
_NAME_LIMIT: Final = handing.NAME_LIMIT


def line(found: Line) -> SwapLine:
    """A swap in a list."""
    summary, terms = found.summary, found.summary.terms
    gives, gets = (terms.give, terms.take) if summary.swap.role is Role.OFFERER else (terms.take, terms.give)
    return SwapLine(
        addresses.swap(summary.id),
        found.peer.name,
        _state(summary),
        summary.waits,
        _names(gives),
        _names(gets),
        explain(summary.swap, expired=summary.has_expired),
        summary.error,
        " ".join(terms.note.split()),
        terms.expires_at,
        summary.changed_at,
    )


def _names(side: Side) -> Names:
    return Names(tuple(name_of(id_) for id_ in side.names), side.count)


def page(services: Services, identity: Identity, swap_id: str) -> SwapPage:
    """A swap, for administrators; NotFound if there is none of that id."""
    shown = swap.get(services, identity, swap_id)
    record, private = shown.record, {name_of(id_) for id_ in shown.private}
    offer = record.offer if record.offer_envelope else None
    note, wish = (offer.note, offer.request) if offer else (record.terms.note, "")
    with services.database.read() as tx:
        gives, gets = _sides(services, tx, identity, record) if offer else _short_sides(record.terms)
        gives = tuple(replace(each, private=each.name in private) for each in gives)
        places = _places(tx, identity, shown)
    return SwapPage(
        id=record.id,
        address=addresses.swap(record.id),
        peer=shown.peer.name,
        fingerprint=record.theirs.fingerprint.grouped,
        earlier=record.theirs != shown.peer.public_key,
        is_offerer=record.swap.role is Role.OFFERER,
        state=_state(record),
        waits=_waits(record),
        says=explain(record.swap, expired=record.has_expired),
        error=record.error,
        reached_at=record.reached_at,
        reason=record.reason,
        note=note,
        request=wish,
        wish=_wish(services, identity, wish),
        made_at=record.created_at,
        expires_at=record.terms.expires_at,
        changed_at=record.changed_at,
        gives=gives,
        gets=gets,
        places=places,
        private=any(place.private for place in places),
        moved=_moved(record),
        acts=frozenset(name for name, act in _ACTS.items() if _is_possible(record, act)),
        is_live=record.is_open and not _waits(record),
        receipt=f"{addresses.swap(record.id)}/receipt" if record.receipt else None,
    )


def _state(record: Record | Summary) -> str:
    """The word for it: an offer that nobody accepted in time was cancelled by nobody."""
    return "expired" if record.has_expired else record.swap.state.value


def _waits(record: Record) -> bool:
    return (record.swap.role, record.swap.state) == (Role.ACCEPTOR, State.OFFERED)


def _is_possible(record: Record, act: Act) -> bool:
    """Whether an act would change anything; what was done can be asked for again, but need not be offered."""
    outcome = protocol.step(record.swap, act)
    return outcome.refusal is None and outcome.swap != record.swap


def _moved(record: Record) -> Moved | None:
    moved = record.moved
    if record.acceptance is None or not record.coming:
        return None
    return Moved(moved.fetched, moved.avoided, moved.total or sum(item.size for item in record.coming))


def _wish(services: Services, identity: Identity, wish: str) -> str:
    """What the request says that the offer answers, if it is this hub's."""
    try:
        entry = request.get(services, identity, wish)
    except NotFound:
        return ""
    return entry.request.wish.text


# What is handed over


def _sides(
    services: Services, tx: Transaction, identity: Identity, record: Record
) -> tuple[tuple[Handed, ...], tuple[Handed, ...]]:
    """What this hub gives, and what it gets."""
    asked, taken = record.offer.take, record.acceptance.take if record.acceptance else ()
    if record.swap.role is Role.OFFERER:
        wanted = (
            _items(taken, asked) if taken else tuple(Handed(name_of(a.repository), None, a.revision) for a in asked)
        )
        return tuple(_ours(tx, identity, item) for item in record.offer.give), wanted
    if taken:
        own = tuple(_ours(tx, identity, item, each.revision) for item, each in zip(taken, asked, strict=True))
    else:
        own = tuple(_as_it_is(services, tx, identity, each) for each in asked)
    return own, _items(record.offer.give)


def _short_sides(terms: Terms) -> tuple[tuple[Handed, ...], tuple[Handed, ...]]:
    """What a peer's offer asked for and gave, once nothing but the names is kept of it."""
    take, give = (tuple(Handed(name_of(id_), kept=False) for id_ in side.names) for side in (terms.take, terms.give))
    return take, give


def _items(items: Sequence[Item], asked: Iterable[Reference] = ()) -> tuple[Handed, ...]:
    revisions = [each.revision for each in asked] or [""] * len(items)
    return tuple(_handed(item, None, revision) for item, revision in zip(items, revisions, strict=True))


def _ours(tx: Transaction, identity: Identity, item: Item, revision: str = "") -> Handed:
    return _handed(item, _address(tx, identity, item.repository), revision)


def _as_it_is(services: Services, tx: Transaction, identity: Identity, asked: Reference) -> Handed:
    """What is asked of this hub, as it would be handed over now."""
    try:
        item = handing.item_of(services, tx, identity, asked)
    except (NotFound, Invalid):
        return Handed(name_of(asked.repository), None, asked.revision, here=False)
    return _ours(tx, identity, item, asked.revision)


def _handed(item: Item, address: str | None, revision: str) -> Handed:
    return Handed(
        name_of(item.repository),
        address,
        "" if revision == item.commit else revision,
        item.commit,
        tuple((file.path, file.size) for file in item.files[:MAX_FILES]),
        len(item.files),
        item.size,
        item.licence,
        item.tags,
    )


def _address(tx: Transaction, identity: Identity, id_: RepoId) -> str | None:
    """The page of a repository here; None if there is none."""
    try:
        found = repositories.get(tx, identity, id_)
    except NotFound:
        return None
    return addresses.model(str(found)) if found.type == "model" else None


# Where it is published


def _places(tx: Transaction, identity: Identity, shown: Shown) -> tuple[Publication, ...]:
    record = shown.record
    if _waits(record):
        coming = [item.repository for item in record.offer.give]
        return tuple(Publication(name_of(id_), _suggestion(tx, identity, id_, shown.peer.name)) for id_ in coming)
    done = record.swap.state is State.PUBLISHED
    if not done and not record.is_open:
        return ()
    return tuple(
        Publication(
            name_of(theirs),
            str(place.name),
            place.private,
            _address(tx, identity, place.name) if done else None,
            place.commit,
        )
        for theirs, place in record.targets.items()
    )


def _suggestion(tx: Transaction, identity: Identity, theirs: RepoId, peer: str) -> str:
    """A free name in one's own namespace: theirs or, where that is taken, theirs and whose it is."""
    namespace = identity.user.name if identity.user else theirs.namespace
    ending = f"-{peer}"
    longer = theirs.name[: _NAME_LIMIT - len(ending)].rstrip("-.") + ending
    free = (name for name in (theirs.name, longer) if not handing.is_taken(tx, RepoId(namespace, name, theirs.type)))
    return f"{namespace}/{next(free, theirs.name)}"
