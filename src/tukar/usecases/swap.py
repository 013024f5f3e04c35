"""The operator's side of swaps: offer, accept, refuse, cancel, and look. For administrators."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tukar.catalog import repositories, revisions, rights
from tukar.catalog.values import Identity, User
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, Refused
from tukar.exchange import handovers, peers, protocol, summaries, swaps
from tukar.exchange import identity as identities
from tukar.exchange.disclosure import may_see
from tukar.exchange.handovers import Handover
from tukar.exchange.offers import ACCEPTANCE, OFFER, Acceptance, Ending, Item, Offer, Reference
from tukar.exchange.peers import Peer
from tukar.exchange.sentences import explain
from tukar.exchange.states import Act, Role
from tukar.exchange.summaries import Part, Summary
from tukar.exchange.swaps import Record, Target
from tukar.objects import holds
from tukar.signing import Envelope, sign
from tukar.types import RepoId
from tukar.usecases import handing, room
from tukar.usecases.services import Services
from tukar.usecases.swap_steps import apply, sweep, wake

DAY: Final = 86_400
LONGEST: Final = 365 * DAY
"""Seconds for which an offer can stand."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An offer as its operator words it.

    Attributes:
        peer: the name of the other hub.
        give: revisions of this hub's repositories.
        take: revisions of the other's.
        into: where to publish what comes, by the repository there; left out, in the operator's own namespace.
        private: whether to publish it as private.
        give_private: whether to give what is private here: the other hub may show it to everybody.
        seconds: for how long it stands.
        request: the id of the request that it answers; empty if none.
        nonce: 32 hex digits of whoever asks, who may so ask again without making a second offer; empty to choose one.
    """

    peer: str
    give: tuple[Reference, ...]
    take: tuple[Reference, ...]
    into: Mapping[RepoId, RepoId]
    private: bool = False
    note: str = ""
    seconds: int = 7 * DAY
    request: str = ""
    nonce: str = ""
    give_private: bool = False


class OfferedOtherwise(Conflict):
    """Another offer was made with the nonce that this one has."""


@dataclass(frozen=True, slots=True)
class Line:
    """A swap in a list and the name of the hub that it is with."""

    summary: Summary
    peer: Peer


@dataclass(frozen=True, slots=True)
class Shown:
    """A swap as its operator sees it.

    Attributes:
        peer: the hub that it is with.
        private: of what this hub hands over, or is asked for, the repositories that are private here.
    """

    record: Record
    peer: Peer
    private: frozenset[RepoId] = frozenset()


def offer(services: Services, identity: Identity, proposal: Proposal) -> Shown:
    """Offer a swap, or a gift if nothing is to be taken.

    If it was made before with the proposal's nonce, that offer is shown as it is now.

    Raises:
        Refused: who asks is no administrator, the peer is not trusted, or something to be given is private here and
            the proposal does not say that it is meant.
        NotFound: there is no such peer, repository or revision.
        Conflict: a place where something is to be published is taken.
        OfferedOtherwise: another offer was made with the nonce.
        Invalid: it neither gives nor asks for anything, or not for a time that makes sense.
    """
    user = _administrator(identity)
    if not 0 < proposal.seconds <= LONGEST:
        raise Invalid(
            f"an offer stands for 1 second to {LONGEST // DAY} days, not for {proposal.seconds} seconds",
            hint="write --expires 7d, or another number with s, m, h, d or w",
            on_page=f"write a number of days from 1 to {LONGEST // DAY}, as in 7",
        )
    now = services.clock()
    with services.database.write() as tx:
        before = _made_before(tx, identity, user, proposal) if proposal.nonce else None
        if before is not None:
            return before
        peer = _trusted(peers.get(tx, proposal.peer))
        key = identities.current(tx)
        made = Offer(
            key.public,
            peer.public_key,
            proposal.nonce or secrets.token_hex(16),
            int(now),
            int(now) + proposal.seconds,
            tuple(handing.item_of(services, tx, identity, reference) for reference in proposal.give),
            proposal.take,
            proposal.note,
            proposal.request,
        )
        made = Offer.read(made.payload())  # what the other hub would refuse is found here
        _check_private(tx, peer, made.give, may=proposal.give_private)
        targets = _targets(tx, user, [reference.repository for reference in made.take], proposal.into, proposal.private)
        record = Record(
            made.swap,
            peer.id,
            protocol.begin(Role.OFFERER, receives=bool(made.take)),
            sign(OFFER, made.payload(), key),
            targets,
            user.id,
            now,
            now,
        )
        swaps.insert(tx, record)
        _hold(tx, identity, record, made.give, now)
        wake(tx, record.id, now)
        return _shown(tx, record)


def _made_before(tx: Transaction, identity: Identity, user: User, proposal: Proposal) -> Shown | None:
    """The offer of this hub that has the proposal's nonce; OfferedOtherwise if that is another."""
    found = swaps.by_nonce(tx, proposal.nonce)
    if found is None:
        return None
    peer = peers.get(tx, proposal.peer)
    gives = _commits(tx, identity, proposal.give)
    if peer.id != found.peer_id or not _is_as_proposed(found, proposal, user) or gives != _commits_of(found):
        raise OfferedOtherwise(
            f"swap {found.id[:12]} was offered by this very request, and what is asked for now is another one",
            hint="see how that one stands; to offer this as well, send it once more",
        )
    return _shown(tx, found)


def _is_as_proposed(record: Record, proposal: Proposal, user: User) -> bool:
    """Whether an offer asks for and says what is proposed. (What it gives is compared apart.)"""
    made = record.offer
    places = {theirs: Target(_place(user, theirs, proposal.into), proposal.private) for theirs in record.targets}
    chosen = {theirs: Target(target.repo_id, target.private) for theirs, target in record.targets.items()}
    return (
        (made.take, made.note, made.request) == (proposal.take, proposal.note, proposal.request)
        and made.expires_at - made.made_at == proposal.seconds
        and proposal.into.keys() <= places.keys()
        and places == chosen
    )


def _commits(tx: Transaction, identity: Identity, given: Sequence[Reference]) -> list[tuple[RepoId, str]]:
    """What is to be given, by the commits that it comes to now."""
    found = [(each, repositories.get(tx, identity, each.repository)) for each in given]
    return [(each.repository, revisions.resolve(tx, here, each.revision).oid) for each, here in found]


def _commits_of(record: Record) -> list[tuple[RepoId, str]]:
    return [(item.repository, item.commit) for item in record.offer.give]


def _place(user: User, theirs: RepoId, into: Mapping[RepoId, RepoId]) -> RepoId:
    return into.get(theirs) or RepoId(user.name, theirs.name, theirs.type)


def accept(
    services: Services,
    identity: Identity,
    swap: str,
    into: Mapping[RepoId, RepoId],
    *,
    private: bool = False,
    give_private: bool = False,
) -> Shown:
    """Accept an offer: what it asks for is handed over, what it gives is published here, both or neither.

    One that was accepted is shown as it is now.

    Args:
        into: where to publish what comes, by the repository there; left out, in the operator's own namespace.
        private: whether to publish it as private.
        give_private: whether to give what is private here: the other hub may show it to everybody.

    Raises:
        Refused: who asks is no administrator, the peer is not trusted, or something that it asks for is private here
            and ``give_private`` does not say that it is meant.
        Conflict: it is no offer to this hub that can still be accepted, a place to publish is taken, or there is no
            room for what comes; or it was accepted with another place, or not as private.
        NotFound: there is no such swap, or something that it asks for is not here.
    """
    user = _administrator(identity)
    with services.database.write() as tx:
        record = swaps.get(tx, swap)
        peer = peers.by_id(tx, record.peer_id)
        if record.swap.role is not Role.ACCEPTOR:
            raise Conflict("this hub made that offer itself", hint="the other hub accepts it")
        if record.acceptance_envelope is None and record.is_open:
            _trusted(peer)
            _check_private(tx, peer, record.offer.take, may=give_private)
            targets = _targets(tx, user, [item.repository for item in record.offer.give], into, private)
            record = _agreed(services, tx, identity, record.with_(targets=targets, user_id=user.id))
        record = apply(services, tx, record, Act.ACCEPT)
        _check_same(record, into, private)
        return _shown(tx, record)


def refuse(services: Services, identity: Identity, swap: str, reason: str = "") -> Shown:
    """Refuse an offer, or show one that was refused.

    Conflict if it is none that can be refused, Invalid if the reason is too long or is not text to be shown.
    """
    return _end(services, identity, swap, Act.REFUSE, reason)


def cancel(services: Services, identity: Identity, swap: str, reason: str = "") -> Shown:
    """Cancel a swap, or show one that was cancelled.

    Conflict if it cannot be cancelled any more, Invalid if the reason is too long or is not text to be shown.
    """
    return _end(services, identity, swap, Act.CANCEL, reason)


def _agreed(services: Services, tx: Transaction, identity: Identity, record: Record) -> Record:
    """With the acceptance, signed; what it hands over is kept from now on."""
    now = services.clock()
    if now > record.offer.expires_at:
        raise Conflict("the offer has expired", hint="ask the other hub for a new one")
    excess = room.excess(services, room.of_files(tx, record.offer.give))
    if excess is not None:  # what is merely more than is free may share most of it with what is here
        raise Conflict(excess, hint="refuse it, or give the hub a larger disk")
    items = tuple(handing.item_of(services, tx, identity, reference) for reference in record.offer.take)
    made = Acceptance(record.id, items)
    Acceptance.read(made.payload(), record.offer)
    _hold(tx, identity, record, items, now)
    return record.with_(acceptance_envelope=sign(ACCEPTANCE, made.payload(), identities.key_of(tx, record.mine)))


def _check_same(record: Record, into: Mapping[RepoId, RepoId], private: bool) -> None:
    """Conflict if an acceptance that is repeated wishes for something else than it did."""
    for theirs, ours in into.items():
        target = record.targets.get(theirs)
        if target is None or target.repo_id != ours:
            told = f"{theirs} goes to {target.repo_id}, not to {ours}" if target else f"{theirs} does not come here"
            raise Conflict(f"the swap was accepted before: {told}", hint=explain(record.swap))
    if private and not all(target.private for target in record.targets.values()):
        raise Conflict("the swap was accepted before, to be published for everybody", hint=explain(record.swap))


def _end(services: Services, identity: Identity, swap: str, act: Act, reason: str) -> Shown:
    _administrator(identity)
    with services.database.write() as tx:
        record = swaps.get(tx, swap)
        Ending.read(Ending(record.id, "cancelled", reason).payload())  # what the other hub would refuse is found here
        record = apply(services, tx, record, act, reason)
        shown = _shown(tx, record)
    sweep(services, record)
    return shown


def listing(
    services: Services,
    identity: Identity,
    part: Part | None = None,
    *,
    limit: int | None = None,
    before: str | None = None,
) -> list[Line]:
    """Swaps, the newest first: all or a part of them, ``limit`` at most, those after the one with the id ``before``."""
    _administrator(identity)
    with services.database.read() as tx:
        found = summaries.summaries(tx, part, limit=limit, before=before)
        with_ = {id_: peers.by_id(tx, id_) for id_ in {summary.peer_id for summary in found}}
    return [Line(summary, with_[summary.peer_id]) for summary in found]


def count(services: Services, identity: Identity, part: Part) -> int:
    """How many swaps a part has."""
    _administrator(identity)
    with services.database.read() as tx:
        return summaries.count(tx, part)


def get(services: Services, identity: Identity, swap: str) -> Shown:
    """One swap, by its id or the beginning of it."""
    _administrator(identity)
    with services.database.read() as tx:
        return _shown(tx, swaps.get(tx, swap))


def receipts(services: Services, identity: Identity, repo_id: RepoId) -> list[Handover]:
    """The swaps whose receipts speak of a repository and may be seen by the asker, the newest first."""
    with services.database.read() as tx:
        found = handovers.of_repository(tx, repositories.get(tx, identity, repo_id).id)
        return [each for each in found if may_see(tx, identity, each)]


def receipt(services: Services, swap_id: str) -> Envelope:
    """The receipt of a swap that `receipts` has shown."""
    with services.database.read() as tx:
        return handovers.receipt(tx, swap_id)


def cancel_all(services: Services, peer_id: int, reason: str) -> None:
    """Cancel what can still be cancelled with a peer, as when it is revoked."""
    with services.database.write() as tx:
        for swap_id in swaps.open_with(tx, peer_id):
            record = swaps.get(tx, swap_id)
            if protocol.step(record.swap, Act.CANCEL).refusal is None:
                apply(services, tx, record, Act.CANCEL, reason)


def _administrator(identity: Identity) -> User:
    if identity.user is None or not rights.may_administer(identity):
        raise Refused("only administrators swap models with other hubs")
    return identity.user


def _trusted(peer: Peer) -> Peer:
    if not peer.is_trusted:
        raise Refused(f"the peer {peer.name!r} is revoked", hint="add it anew if it is to be trusted again")
    return peer


def _shown(tx: Transaction, record: Record) -> Shown:
    asked: Sequence[Item | Reference] = ()
    if record.offer_envelope is not None:
        asked = record.offer.give if record.swap.role is Role.OFFERER else record.offer.take
    private = handing.private_among(tx, [each.repository for each in asked])
    return Shown(record, peers.by_id(tx, record.peer_id), private)


def _check_private(tx: Transaction, peer: Peer, given: Sequence[Item | Reference], *, may: bool) -> None:
    """Refused if something that is private here would be given without saying that it is meant."""
    private = handing.private_among(tx, [each.repository for each in given])
    if private and not may:
        names = ", ".join(sorted(map(str, private)))
        raise Refused(
            f"private here: {names}; once {peer.name} has it, {peer.name} alone decides who may read it there",
            hint="to give it all the same, say so: --give-private",
            on_page="to give it all the same, tick that below",
        )


def _targets(
    tx: Transaction, user: User, coming: Sequence[RepoId], into: Mapping[RepoId, RepoId], private: bool
) -> dict[RepoId, Target]:
    unknown = into.keys() - set(coming)
    if unknown:
        raise Invalid(f"{min(unknown)} is not among what comes: it cannot be published anywhere")
    targets = {}
    for theirs in coming:
        ours = _place(user, theirs, into)
        if handing.is_taken(tx, ours):
            raise Conflict(
                f"{ours} exists here",
                hint=f"publish {theirs} elsewhere: --into {theirs}=NAMESPACE/NAME",
                on_page=f"publish {theirs} under another name",
            )
        targets[theirs] = Target(ours, private)
    return targets


def _hold(tx: Transaction, identity: Identity, record: Record, items: Sequence[Item], now: float) -> None:
    """Keep what is handed over until the swap has ended, whatever becomes of its repository; remember which that is."""
    holds.touch(tx, record.leaving, now)
    for item in items:
        repository = repositories.get(tx, identity, item.repository)
        swaps.attach(tx, record.id, repository.id)
        for file_id in handing.file_ids(tx, repository, item).values():
            holds.hold_file(tx, record.leaving, file_id)
