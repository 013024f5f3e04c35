"""What the pages of the exchange between hubs show, as values. Times are seconds since the epoch, sizes are bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tukar.gallery.views import FileLine, Problem


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A model that this hub asks for. The words are those of its operator; empty where nothing is asked.

    Attributes:
        at_least: how good it has to be; None if that is not said.
        metric: of what.
        sha256: of the file on which it is measured.
    """

    id: str
    text: str
    task: str
    licence: str
    base_model: str
    at_least: str | None
    metric: str
    sha256: str
    made_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of something that was done with one line of a list.

    Attributes:
        of: the line: a peer's name, or a request's id.
        said: that it was done, and how; empty if it was not.
    """

    of: str = ""
    said: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class PeerLine:
    """A hub that this one knows. ``state`` is ``trusted`` or ``revoked``, ``fingerprint`` is in groups.

    Attributes:
        outcome: of what was just done with it; None if nothing was.
    """

    name: str
    url: str
    fingerprint: str
    state: str
    added_at: float
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Names of repositories.

    Attributes:
        first: the first of them.
        count: how many there are.
    """

    first: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class SwapLine:
    """A swap in a list, seen from this hub.

    Attributes:
        address: of its page.
        waits: whether it waits for a decision here.
        gives, gets: what this hub hands over, and what is handed to it.
        says: where it stands, in a sentence.
        error: what stands in the way now.
        expires_at: until when the offer can be accepted.
        changed_at: when its state last changed.
    """

    address: str
    peer: str
    state: str
    waits: bool
    gives: Names
    gets: Names
    says: str
    error: str | None
    note: str
    expires_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repository that is asked for, and where to publish it: as they are typed."""

    theirs: str = ""
    ours: str = ""


@dataclass(frozen=True, slots=True)
class OfferForm:
    """The form for an offer, as it is filled in.

    Attributes:
        nonce: of the form: sent twice, it makes one offer.
        peer: the name of the other hub.
        give: ``namespace/name@revision`` each, or with ``datasets/`` or ``spaces/`` in front.
        days: for how long it stands.
        request: the id of the request that it answers.
        give_private: whether what is private here is to be given, too.
        added: where a row was just added: ``give`` or ``take``.
        chosen: whether somebody came to answer a request.
    """

    nonce: str
    peer: str = ""
    give: tuple[str, ...] = ("",)
    take: tuple[Wanted, ...] = (Wanted(),)
    note: str = ""
    days: str = "7"
    private: bool = False
    request: str = ""
    give_private: bool = False
    added: str = ""
    chosen: bool = False
    problem: Problem | None = None

    @property
    def is_touched(self) -> bool:
        """Whether somebody is at it."""
        return self.chosen or self.added != "" or self.problem is not None


@dataclass(frozen=True, slots=True)
class PeerForm:
    """The form for a peer, as it is filled in.

    Attributes:
        fingerprint: as its operator told it; empty where it is to be compared.
        found: the fingerprint that the hub at the address shows, in groups, for somebody to compare; else empty.
        earlier: how many keys it had before that one.
    """

    url: str = ""
    name: str = ""
    fingerprint: str = ""
    found: str = ""
    earlier: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The form for a request of this hub, as it is filled in.

    Attributes:
        sha256, metric, at_least: how good the model has to be; all of them, or none.
        days: for how long it stands.
    """

    text: str = ""
    task: str = ""
    licence: str = ""
    base_model: str = ""
    sha256: str = ""
    metric: str = ""
    at_least: str = ""
    days: str = "90"
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What only those who run the hub see of its dealings with others.

    Attributes:
        user: who looks; what comes is published in their namespace unless they say otherwise.
        waiting: offers that wait for a decision here.
        moving: other swaps that have not ended.
        ended: the newest that have.
        ended_count: how many have in all.
        own: what can be given, for the form to suggest.
        withdrawal: what came of withdrawing a request; None if nobody did.
    """

    user: str
    waiting: tuple[SwapLine, ...]
    moving: tuple[SwapLine, ...]
    ended: tuple[SwapLine, ...]
    ended_count: int
    peers: tuple[PeerLine, ...]
    own: tuple[str, ...]
    offer: OfferForm
    peer: PeerForm
    request: RequestForm
    withdrawal: Outcome | None

    @property
    def trusted(self) -> tuple[PeerLine, ...]:
        """Peers that an offer can be made to."""
        return tuple(peer for peer in self.peers if peer.state == "trusted")


@dataclass(frozen=True, slots=True)
class ExchangePage:
    """What this hub has to do with others.

    Attributes:
        endpoint: the hub's address as clients write it, without a slash at the end.
        fingerprint: of its key, in groups.
        earlier: fingerprints of the keys that it had before, oldest first.
        requests: those that are open, the newest first.
        desk: what only those who run the hub see; None for everybody else.
    """

    endpoint: str
    fingerprint: str
    earlier: tuple[str, ...]
    requests: tuple[RequestLine, ...]
    desk: Desk | None = None


@dataclass(frozen=True, slots=True)
class PeerPage:
    """What a peer asks for: its open requests, the newest first."""

    name: str
    url: str
    requests: tuple[RequestLine, ...]


@dataclass(frozen=True, slots=True)
class Handed:
    """A repository that is handed over, or is to be.

    Attributes:
        name: ``namespace/name``, on the hub that gives it, with its type in front unless it is a model.
        address: of its page here, if it has one.
        revision: as it is asked for; empty where the offer itself names the commit.
        commit: git's id; empty where it is not known yet.
        files: the first of them.
        count, size: of all of them.
        here: False where it is asked of this hub, which does not have it.
        private: whether it is private here.
        kept: False where nothing but its name is known any more.
    """

    name: str
    address: str | None = None
    revision: str = ""
    commit: str = ""
    files: tuple[tuple[str, int], ...] = ()
    count: int = 0
    size: int = 0
    licence: str = ""
    tags: tuple[str, ...] = ()
    here: bool = True
    private: bool = False
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Publication:
    """Where what comes is published.

    Attributes:
        theirs: its name on the other hub, as in `Handed`.
        ours: ``namespace/name`` here; in a form, as it is typed.
        address: of its page here, once it is there.
        commit: git's id of what was made here; empty before.
    """

    theirs: str
    ours: str
    private: bool = False
    address: str | None = None
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """How far what comes here has come.

    Attributes:
        fetched: bytes that came over the wire.
        avoided: bytes of its files that did not have to.
        total: bytes of its files.
    """

    fetched: int
    avoided: int
    total: int

    @property
    def percent(self) -> int:
        """Of all bytes; what travels is packed, so that it may end below 100 until all is here."""
        return min(100, 100 * (self.fetched + self.avoided) // self.total) if self.total else 0

    @property
    def bar(self) -> FileLine:
        """To be drawn: what was fetched, and what did not have to be."""
        avoided = min(self.avoided, self.total)
        fetched = min(self.fetched, self.total - avoided)
        return FileLine("", self.total, avoided + fetched, fetched)


@dataclass(frozen=True, slots=True)
class SwapPage:
    """One swap, seen from this hub.

    Attributes:
        fingerprint: of the other hub's key in it, in groups.
        earlier: whether that hub has another key by now.
        waits: whether it waits for a decision here.
        says: where it stands, in a sentence.
        error: what stands in the way now.
        reached_at: when the other hub last spoke of it; None before.
        reason: of whoever ended it, in words; else empty.
        request: the id of the request that it answers; empty if none.
        wish: what that request asks for, if it is this hub's.
        moved: None where nothing has come, or nothing is to come.
        acts: what can be done now: some of ``accept``, ``refuse`` and ``cancel``.
        give_private: whether it was ticked that what is private here is given, too.
        is_live: whether its state may change while one looks.
        receipt: its address; None until both have signed.
        typed: what was written as the reason of each act, where it could not be done.
        problem: why what was asked for was not done.
    """

    id: str
    address: str
    peer: str
    fingerprint: str
    earlier: bool
    is_offerer: bool
    state: str
    waits: bool
    says: str
    error: str | None
    reached_at: float | None
    reason: str
    note: str
    request: str
    wish: str
    made_at: float
    expires_at: float
    changed_at: float
    gives: tuple[Handed, ...]
    gets: tuple[Handed, ...]
    places: tuple[Publication, ...]
    private: bool
    moved: Moved | None
    acts: frozenset[str]
    is_live: bool
    receipt: str | None
    give_private: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None
