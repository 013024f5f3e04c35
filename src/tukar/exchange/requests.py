"""Requests: somebody needs a model, and says so to whoever reads it. Signed by their hub; answered by offers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import sqlalchemy as sa

from tukar import signing
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound
from tukar.exchange.tables import requests
from tukar.signing import Envelope, Fields, PublicKey, SigningKey, Value, encode, parse, payload_type, sign

REQUEST: Final = payload_type("request")
TEXT_LIMIT: Final = 4000  # characters
WORD_LIMIT: Final = 200
OPEN_LIMIT: Final = 100
"""Open requests of one hub: whoever asks gets them all."""

State = Literal["open", "expired", "closed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good the model has to be. The file itself stays with who asks.

    Attributes:
        sha256: of the file that it is evaluated on.
        metric: what is measured, in words.
        at_least: how much it has to be, as a decimal number.
    """

    sha256: str
    metric: str
    at_least: str

    def value(self) -> Value:
        """As a member of a statement."""
        return {"at_least": self.at_least, "metric": self.metric, "sha256": self.sha256}

    @classmethod
    def read(cls, value: Value) -> Self:
        """Invalid if it is not an evaluation as ``value`` writes it."""
        read = Fields("an evaluation", value, ["at_least", "metric", "sha256"])
        at_least = read.text("at_least", 40)
        if not re.fullmatch(r"-?\d+(\.\d+)?", at_least, re.ASCII):
            raise Invalid(f"not a decimal number: {at_least!r}", hint="write it as 0.83")
        return cls(read.sha256("sha256"), _said(read, "metric"), at_least)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        text: in words.
        task: as cards name it: ``sentence-similarity``; empty if it does not matter.
        licence: the one that it has to have, as cards name it; empty if it does not matter.
        base_model: what it should be made from; empty if it does not matter.
        evaluation: how good it has to be; None if that is not said.
    """

    text: str
    task: str = ""
    licence: str = ""
    base_model: str = ""
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A hub asks for a model.

    Attributes:
        hub: the key of the hub that asks.
        made_at: seconds since 1970 in UTC, by its clock.
        expires_at: until when it asks.
    """

    hub: PublicKey
    made_at: int
    expires_at: int
    wish: Wish

    def payload(self) -> bytes:
        """What is signed."""
        wish = self.wish
        return encode(
            {
                "base_model": wish.base_model,
                "evaluation": wish.evaluation.value() if wish.evaluation else None,
                "expires_at": self.expires_at,
                "hub": str(self.hub),
                "licence": wish.licence,
                "made_at": self.made_at,
                "task": wish.task,
                "text": wish.text,
            }
        )

    @property
    def id(self) -> str:
        """By what it is known: the SHA-256 of what is signed."""
        return hashlib.sha256(self.payload()).hexdigest()

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """Invalid if it is not a request, or says nothing."""
        names = ["base_model", "evaluation", "expires_at", "hub", "licence", "made_at", "task", "text"]
        read = Fields("the request", parse(payload), names)
        evaluation = None if read.value("evaluation") is None else Evaluation.read(read.value("evaluation"))
        task, licence, base_model = (read.text(name, WORD_LIMIT) for name in ("task", "licence", "base_model"))
        wish = Wish(_said(read, "text", TEXT_LIMIT), task, licence, base_model, evaluation)
        return cls(read.key("hub"), read.integer("made_at"), read.integer("expires_at"), wish)


def verify(envelope: Envelope) -> Request:
    """What a request says, now that it is known to be one, and to be signed by the hub that it names.

    1. It is a request, by its type, and well-formed: Invalid if not.
    2. The key that it names has signed it, and nobody else has: BadSignature if not.

    Whose that key is, is for the caller to know.
    """
    # 1.
    if envelope.payload_type != REQUEST:
        raise Invalid(f"not a request: it was signed as {envelope.payload_type[:80]!r}")
    request = Request.read(envelope.payload)
    # 2.
    signing.verify(envelope, REQUEST, [request.hub], [request.hub.fingerprint])
    return request


@dataclass(frozen=True, slots=True)
class Entry:
    """A request of this hub, and what became of it.

    Attributes:
        ended: how, if somebody ended it.
        swap_id: of the swap that brought the model.
    """

    request: Request
    envelope: Envelope
    ended: Literal["closed", "withdrawn"] | None
    swap_id: str | None

    def state(self, now: float) -> State:
        """Where it stands."""
        return self.ended or ("open" if now < self.request.expires_at else "expired")


def insert(tx: Transaction, request: Request, key: SigningKey, now: float) -> Entry:
    """Sign a request and note it; Conflict if the very same one was made, or too many are open."""
    Request.read(request.payload())  # what another hub would not read is found here
    if find(tx, request.id) is not None:
        raise Conflict(f"that request was made already: {request.id[:12]}")
    if len(listing(tx, now, only_open=True)) >= OPEN_LIMIT:
        raise Conflict(
            f"{OPEN_LIMIT} requests are open", hint="withdraw some: `tukar request list`", on_page="withdraw some"
        )
    envelope = sign(REQUEST, request.payload(), key)
    tx.execute(requests.insert().values(id=request.id, envelope=envelope.encode(), state="open", created_at=now))
    return Entry(request, envelope, None, None)


def find(tx: Transaction, request_id: str) -> Entry | None:
    """This hub's request of that id."""
    row = tx.execute(_own().where(requests.c.id == request_id)).one_or_none()
    return None if row is None else _entry(row)


def get(tx: Transaction, prefix: str) -> Entry:
    """The request whose id begins so, with 6 hex digits or more; NotFound if none does, Conflict if several do."""
    query = _own().where(requests.c.id.startswith(prefix, autoescape=True)).limit(2)
    rows = tx.execute(query).all() if len(prefix) >= 6 else []
    return _entry(only(rows, prefix))


def only(found: Sequence[Any], prefix: str) -> Any:
    """The one that was found; NotFound if there is none, Conflict if there are several."""
    if len(found) > 1:
        raise Conflict(f"several requests begin with {prefix[:64]}", hint="write more of the id")
    if not found:
        raise NotFound(
            f"no request {prefix[:64]!r}", hint="`tukar request list` lists them", on_page="it may have ended meanwhile"
        )
    return found[0]


def listing(tx: Transaction, now: float, *, only_open: bool) -> list[Entry]:
    """This hub's requests, the newest first."""
    rows: Iterable[sa.Row[Any]] = tx.execute(_own().order_by(requests.c.created_at.desc(), requests.c.id))
    entries = [_entry(row) for row in rows]
    return [entry for entry in entries if not only_open or entry.state(now) == "open"]


def withdraw(tx: Transaction, entry: Entry, now: float) -> None:
    """Ask no more; Conflict if it is not open."""
    if entry.state(now) != "open":
        raise Conflict(f"the request is {entry.state(now)}: there is nothing to withdraw")
    tx.execute(requests.update().where(requests.c.id == entry.request.id).values(state="withdrawn"))


def close(tx: Transaction, request_id: str, swap_id: str) -> bool:
    """A swap that answers a request was published; whether that was an open request of this hub, which it closes."""
    mine = (requests.c.id == request_id) & requests.c.peer_id.is_(None) & (requests.c.state == "open")
    return tx.execute(requests.update().where(mine).values(state="closed", swap_id=swap_id)).rowcount > 0


def _own() -> sa.Select[Any]:
    return sa.select(requests).where(requests.c.peer_id.is_(None))


def _entry(row: sa.Row[Any]) -> Entry:
    envelope = Envelope.parse(bytes(row.envelope))
    ended = None if row.state == "open" else row.state
    return Entry(Request.read(envelope.payload), envelope, ended, row.swap_id)


def _said(read: Fields, name: str, most: int = WORD_LIMIT) -> str:
    text = read.text(name, most)
    if not text.strip():
        raise Invalid(f"{name!r} is empty")
    return text
