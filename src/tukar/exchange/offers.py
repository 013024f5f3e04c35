"""What the two hubs of a swap say to each other: frozen values, and their one form as signed statements.

A swap is known by its offer's digest: an altered offer is another offer. All that the receipt says follows from the
offer and its acceptance, so that both hubs build the same bytes, and each signs what it built itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Literal, Self, get_args

from tukar.errors import Invalid
from tukar.exchange.text import is_line, is_words
from tukar.signing import Fields, PublicKey, Value, encode, parse, payload_type
from tukar.types import REPO_TYPES, Digest, RepoId, RepoType, check_path

OFFER: Final = payload_type("offer")
ACCEPTANCE: Final = payload_type("acceptance")
ENDING: Final = payload_type("ending")
RECEIPT: Final = payload_type("receipt")

ITEMS_LIMIT: Final = 100
"""Repositories on one side of a swap."""
FILES_LIMIT: Final = 20_000
"""Files of one repository; what travels must fit a statement."""

_TAGS_LIMIT: Final = 100
_NOTE_LIMIT: Final = 4000  # characters
_OID: Final = re.compile(r"[0-9a-f]{40}")
_NONCE: Final = re.compile(r"[0-9a-f]{32}")

EndingKind = Literal["refused", "cancelled"]


@dataclass(frozen=True, slots=True)
class FileItem:
    """A file that is handed over.

    Attributes:
        path: in its repository.
        size: in bytes.
        sha256: of its bytes.
        oid: git's id: of its blob, or of the pointer's blob for an LFS file.
        lfs: whether git would see a pointer in its place.
        manifest: the object that says of which objects it is made.
    """

    path: str
    size: int
    sha256: str
    oid: str
    lfs: bool
    manifest: Digest

    def value(self) -> Value:
        """As a member of a statement."""
        return {
            "lfs": self.lfs,
            "manifest": str(self.manifest),
            "oid": self.oid,
            "path": self.path,
            "sha256": self.sha256,
            "size": self.size,
        }

    @classmethod
    def read(cls, value: Value) -> Self:
        """Invalid if it is not a file as ``value`` writes it."""
        read = Fields("a file", value, ["lfs", "manifest", "oid", "path", "sha256", "size"])
        return cls(
            check_path(read.text("path")),
            read.integer("size"),
            read.sha256("sha256"),
            _matching(_OID, read.text("oid", 40), "git's id of a file"),
            read.flag("lfs"),
            Digest.parse(read.text("manifest", 64)),
        )


@dataclass(frozen=True, slots=True)
class Item:
    """A revision of a repository that is handed over.

    Attributes:
        repository: its full name, on the hub that gives it.
        commit: git's id of the revision there.
        licence: the licence's identifier on its card; empty without one.
        tags: the card's tags that say something of the licence or of what it was made from.
        files: all of it, by their paths in order.
    """

    repository: RepoId
    commit: str
    licence: str
    tags: tuple[str, ...]
    files: tuple[FileItem, ...]

    def __post_init__(self) -> None:
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise Invalid(f"the files of {self.repository} are not in the order of their paths, each once")
        folders = {path[: slash.start()] for path in paths for slash in re.finditer("/", path)}
        if not folders.isdisjoint(paths):
            raise Invalid(f"{self.repository} has a file where it has a folder: {min(folders & set(paths))[:200]!r}")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def card(self) -> FileItem | None:
        """The card among the files."""
        return next((file for file in self.files if file.path == "README.md"), None)

    def value(self) -> Value:
        """As a member of a statement."""
        return {
            "commit": self.commit,
            "files": [file.value() for file in self.files],
            "licence": self.licence,
            "repository": str(self.repository),
            "tags": list(self.tags),
            "type": self.repository.type,
        }

    @classmethod
    def read(cls, value: Value) -> Self:
        """Invalid if it is not an item as ``value`` writes it."""
        read = Fields("an item", value, ["commit", "files", "licence", "repository", "tags", "type"])
        tags = [_line(_text(tag, "a tag", 200), "a tag") for tag in read.items("tags", _TAGS_LIMIT)]
        return cls(
            _repo_id(read),
            _matching(_OID, read.text("commit", 40), "git's id of a commit"),
            _line(read.text("licence", 200), "the licence"),
            tuple(tags),
            tuple(FileItem.read(file) for file in read.items("files", FILES_LIMIT)),
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """A revision that is asked for: a branch, a tag or a commit of a repository of the other hub."""

    repository: RepoId
    revision: str

    def value(self) -> Value:
        """As a member of a statement."""
        return {
            "repository": str(self.repository),
            "revision": self.revision,
            "type": self.repository.type,
        }

    @classmethod
    def read(cls, value: Value) -> Self:
        """Invalid if it is not a reference as ``value`` writes it."""
        read = Fields("a reference", value, ["repository", "revision", "type"])
        return cls(_repo_id(read), _line(read.text("revision", 200), "a revision"))


@dataclass(frozen=True, slots=True)
class Offer:
    """One hub offers another a swap; nothing to take makes it a gift.

    Attributes:
        offerer: the key of the hub that offers.
        acceptor: the key of the hub that it is for.
        nonce: 32 random hex digits, so that no two offers are the same.
        made_at: seconds since 1970 in UTC, by the offerer's clock.
        expires_at: until when it can be accepted.
        give: what the offerer hands over.
        take: what it asks for.
        note: a word to the other operator.
        request: the digest of the request that it answers; empty if none.
    """

    offerer: PublicKey
    acceptor: PublicKey
    nonce: str
    made_at: int
    expires_at: int
    give: tuple[Item, ...]
    take: tuple[Reference, ...]
    note: str = ""
    request: str = ""

    def payload(self) -> bytes:
        """What is signed."""
        return encode(
            {
                "acceptor": str(self.acceptor),
                "expires_at": self.expires_at,
                "give": [item.value() for item in self.give],
                "made_at": self.made_at,
                "nonce": self.nonce,
                "note": self.note,
                "offerer": str(self.offerer),
                "request": self.request,
                "take": [reference.value() for reference in self.take],
            }
        )

    @property
    def swap(self) -> str:
        """By what the swap is known: the SHA-256 of what is signed."""
        return hashlib.sha256(self.payload()).hexdigest()

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """Invalid if it is not an offer, or offers nothing and asks for nothing."""
        names = ["acceptor", "expires_at", "give", "made_at", "nonce", "note", "offerer", "request", "take"]
        read = Fields("the offer", parse(payload), names)
        offer = cls(
            read.key("offerer"),
            read.key("acceptor"),
            _matching(_NONCE, read.text("nonce", 32), "a nonce"),
            read.integer("made_at"),
            read.integer("expires_at"),
            tuple(Item.read(item) for item in read.items("give", ITEMS_LIMIT)),
            tuple(Reference.read(item) for item in read.items("take", ITEMS_LIMIT)),
            _words(read.text("note", _NOTE_LIMIT), "the note"),
            read.sha256("request") if read.text("request", 64) else "",
        )
        if not offer.give and not offer.take:
            raise Invalid("the offer neither gives nor asks for anything")
        _check_once([item.repository for item in offer.give], "gives")
        _check_once([item.repository for item in offer.take], "asks for")
        return offer


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The other hub accepts: what it hands over, item by item as the offer asks for it."""

    swap: str
    take: tuple[Item, ...]

    def payload(self) -> bytes:
        """What is signed."""
        items: list[Value] = [item.value() for item in self.take]
        return encode({"swap": self.swap, "take": items})

    @classmethod
    def read(cls, payload: bytes, offer: Offer) -> Self:
        """Invalid if it is not an acceptance of ``offer``."""
        read = Fields("the acceptance", parse(payload), ["swap", "take"])
        items = tuple(Item.read(item) for item in read.items("take", ITEMS_LIMIT))
        made = cls(read.sha256("swap"), items)
        if made.swap != offer.swap:
            raise Invalid("the acceptance is of another offer")
        asked = [reference.repository for reference in offer.take]
        if [item.repository for item in made.take] != asked:
            raise Invalid("the acceptance hands over other repositories than the offer asks for")
        for reference, item in zip(offer.take, made.take, strict=True):
            if _OID.fullmatch(reference.revision) and item.commit != reference.revision:
                raise Invalid(f"the acceptance hands over another commit of {item.repository} than the offer asks for")
        return made


@dataclass(frozen=True, slots=True)
class Ending:
    """A hub refuses an offer, or cancels a swap, or says that it did."""

    swap: str
    kind: EndingKind
    reason: str = ""

    def payload(self) -> bytes:
        """What is signed."""
        return encode({"kind": self.kind, "reason": self.reason, "swap": self.swap})

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """Invalid if it is not an ending."""
        read = Fields("the ending", parse(payload), ["kind", "reason", "swap"])
        kind = read.text("kind", 20)
        for known in get_args(EndingKind):
            if kind == known:
                return cls(read.sha256("swap"), known, _words(read.text("reason", _NOTE_LIMIT), "the reason"))
        raise Invalid(f"not an ending of a swap: {kind!r}")


def receipt_payload(offer: Offer, acceptance: Acceptance) -> bytes:
    """What both hubs sign in the end: every digest, revision, card and licence that was handed over."""
    gives: list[Value] = [item.value() for item in offer.give]
    takes: list[Value] = [item.value() for item in acceptance.take]
    return encode(
        {
            "acceptor": str(offer.acceptor),
            "from_acceptor": takes,
            "from_offerer": gives,
            "made_at": offer.made_at,
            "note": offer.note,
            "offerer": str(offer.offerer),
            "request": offer.request,
            "swap": offer.swap,
        }
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was handed over, by whom to whom."""

    swap: str
    offerer: PublicKey
    acceptor: PublicKey
    made_at: int
    from_offerer: tuple[Item, ...]
    from_acceptor: tuple[Item, ...]
    note: str
    request: str

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """Invalid if it is not a receipt."""
        names = ["acceptor", "from_acceptor", "from_offerer", "made_at", "note", "offerer", "request", "swap"]
        read = Fields("the receipt", parse(payload), names)
        return cls(
            read.sha256("swap"),
            read.key("offerer"),
            read.key("acceptor"),
            read.integer("made_at"),
            tuple(Item.read(item) for item in read.items("from_offerer", ITEMS_LIMIT)),
            tuple(Item.read(item) for item in read.items("from_acceptor", ITEMS_LIMIT)),
            read.text("note", _NOTE_LIMIT),
            read.sha256("request") if read.text("request", 64) else "",
        )


def _repo_id(read: Fields) -> RepoId:
    kind = read.text("type", 20)
    known: RepoType
    for known in REPO_TYPES:
        if kind == known:
            return RepoId.parse(read.text("repository", 200), known)
    raise Invalid(f"not a type of repository: {kind!r}")


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise Invalid(f"not {what}: {text[:80]!r}")
    return text


def _line(text: str, what: str) -> str:
    """Text that can be shown in one line."""
    if not is_line(text):
        raise Invalid(f"{what} has a control character: {text[:80]!r}")
    return text


def _words(text: str, what: str) -> str:
    """Text that people wrote: it may have several lines."""
    if not is_words(text):
        raise Invalid(f"{what} has a control character: {text[:80]!r}")
    return text


def _text(value: Value, what: str, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise Invalid(f"{what} is not a string of at most {most} characters")
    return value


def _check_once(repositories: list[RepoId], verb: str) -> None:
    if len(set(repositories)) < len(repositories):
        raise Invalid(f"the offer {verb} one repository twice")
