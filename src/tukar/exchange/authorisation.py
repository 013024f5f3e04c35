"""Requests between hubs: each is signed by the hub that sends it, for the one hub that it is sent to.

    Authorization: Tukar-Hub <payload>.<signature>

Both in URL-safe base64 without padding. The payload is a statement (`tukar.signing.statements`) of what is asked: from
which key and to which, the method, the path below the hub's address with its query, the SHA-256 of the body, when, and
a nonce. The signature is that of an envelope around it (DSSE's PAE), of the type `REQUEST`: so it is good for nothing
else, and no other statement is good for a request. In the manner of RFC 9421, with one thing to sign instead of many.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import Invalid, Refused, Unauthenticated
from tukar.exchange import identity, peers
from tukar.exchange.peers import Peer
from tukar.exchange.replies import OutdatedKey
from tukar.exchange.tables import nonces
from tukar.signing import BadSignature, Fields, Fingerprint, SigningKey, encode, pae, parse, payload_type

SCHEME: Final = "Tukar-Hub"
REQUEST: Final = payload_type("http-request")

TOLERANCE: Final = 300
"""Seconds by which the clocks of two hubs may differ, in either direction."""

REMEMBERED: Final = 600
"""Seconds after its time for which a request's nonce is kept: until nobody would take the request any more."""

_HEADER_LIMIT: Final = 8192  # characters
_PATH_LIMIT: Final = 4096
_PARTS: Final = re.compile(r"tukar-hub +([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.IGNORECASE)
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_FIELDS: Final = ("at", "body", "from", "method", "nonce", "path", "to")


@dataclass(frozen=True, slots=True)
class Call:
    """What a hub asks of another.

    Attributes:
        sender: the key that signs.
        receiver: the key of the hub that is asked.
        path: below the hub's address, as it is sent, with the query.
        body: the SHA-256 of the body, in hex.
        at: by the sender's clock, in seconds since the epoch.
        nonce: 32 hex digits, another one for each request, also for one that is sent again.
    """

    sender: Fingerprint
    receiver: Fingerprint
    method: str
    path: str
    body: str
    at: int
    nonce: str

    def payload(self) -> bytes:
        """What is signed."""
        return encode(
            {
                "at": self.at,
                "body": self.body,
                "from": self.sender,
                "method": self.method,
                "nonce": self.nonce,
                "path": self.path,
                "to": self.receiver,
            }
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """What `payload` wrote; Invalid for anything else."""
        read = Fields("a signed request", parse(payload), _FIELDS)
        nonce = read.text("nonce", 32)
        if not _NONCE.fullmatch(nonce):
            raise Invalid("the nonce of a signed request has 32 lower-case hex digits")
        return cls(
            read.fingerprint("from"),
            read.fingerprint("to"),
            read.text("method", 16),
            read.text("path", _PATH_LIMIT),
            read.sha256("body"),
            read.integer("at"),
            nonce,
        )


@dataclass(frozen=True, slots=True)
class HubCredentials:
    """Signs requests to one hub.

    Attributes:
        key: this hub's.
        receiver: the key by which the other hub is known.
        clock: seconds since the epoch.
    """

    key: SigningKey
    receiver: Fingerprint
    clock: Callable[[], float]

    def headers(self, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """For one request; another nonce each time. ``path`` is below the hub's address, with the query."""
        call = Call(
            self.key.public.fingerprint,
            self.receiver,
            method,
            path,
            hashlib.sha256(body).hexdigest(),
            int(self.clock()),
            secrets.token_hex(16),
        )
        return {"Authorization": signed(call, self.key)}


def signed(call: Call, key: SigningKey) -> str:
    """The header's value."""
    payload = call.payload()
    return f"{SCHEME} {_encode(payload)}.{_encode(key.sign(pae(REQUEST, payload)))}"


def verify(tx: Transaction, header: str, method: str, path: str, now: float) -> tuple[Call, Peer]:
    """Who has signed a request, whatever became of that peer. The body and the nonce are yet to be checked.

    1. The header is one, and has a statement of the known fields.
    2. It was signed for this method and path.
    3. It was signed for this hub, by its current key.
    4. Its time is this hub's, as nearly as clocks go.
    5. The key it names is, or was, a peer's.
    6. That key has signed it.

    Raises:
        OutdatedKey: it is meant for a key that this hub had before.
        Unauthenticated: it fails step 1, 2, 3 or 4, which tell nothing of who the peers are.
        Refused: it fails step 5 or 6; which of the two is not told, nor is it told from a peer that was revoked.
    """
    # 1.
    payload, signature = _read(header)
    call = _call(payload)
    # 2.
    if (call.method, call.path) != (method, path):
        raise Unauthenticated(
            f"the request was signed as {call.method} {call.path[:200]}, and came as {method} {path[:200]}",
            hint="does something on the way change addresses?",
        )
    # 3.
    _check_receiver(tx, call.receiver)
    # 4.
    if abs(now - call.at) > TOLERANCE:
        raise Unauthenticated(
            f"the request was signed at {call.at}, and it is {int(now)} here (seconds since 1970): "
            f"more than {TOLERANCE} apart",
            hint="set the clocks of both machines",
        )
    # 5.
    peer = peers.find(tx, call.sender)
    if peer is None:
        raise stranger()
    # 6.
    try:
        peer.public_key.verify(pae(REQUEST, payload), signature)
    except BadSignature:
        raise stranger() from None
    return call, peer


def check_body(call: Call, body: bytes) -> None:
    """Unauthenticated if the request was signed with another body."""
    if hashlib.sha256(body).hexdigest() != call.body:
        raise Unauthenticated("the request's body is not the one that was signed")


def spend(tx: Transaction, call: Call, now: float) -> Peer:
    """Note in a write transaction that a request was taken; returns its sender, as it is known now.

    Only for what `verify` has passed, so that nobody else can fill the table.

    Raises:
        Unauthenticated: the request was taken before; or so much time has passed that nobody would know.
        Refused: the sender has another key by now.
    """
    until = call.at + REMEMBERED
    if until < now:
        raise Unauthenticated(f"the request took more than {REMEMBERED} seconds to arrive", hint="send it again")
    nonce = f"{call.sender}:{call.nonce}"
    tx.execute(sa.delete(nonces).where(nonces.c.until < now))
    if tx.execute(sa.select(nonces.c.nonce).where(nonces.c.nonce == nonce)).first() is not None:
        raise Unauthenticated("the request came before: each is taken once")
    tx.execute(sa.insert(nonces).values(nonce=nonce, until=float(until)))
    peer = peers.find(tx, call.sender)
    if peer is None:
        raise stranger()
    return peer


def stranger() -> Refused:
    """The one error for who is no peer, is one no more, or has not shown to be one."""
    return Refused(
        "not a peer of this hub, or not by the key that it is known by",
        hint="its operator adds peers with `tukar peer add`; their new keys it follows by itself within a minute",
    )


def _read(header: str) -> tuple[bytes, bytes]:
    found = _PARTS.fullmatch(header) if len(header) <= _HEADER_LIMIT else None
    if found is None:
        raise _no_header("it has other parts, or too long ones")
    return _decode(found[1]), _decode(found[2])


def _call(payload: bytes) -> Call:
    try:
        return Call.parse(payload)
    except Invalid as error:
        raise _no_header(error.message) from None


def _check_receiver(tx: Transaction, receiver: Fingerprint) -> None:
    *earlier, current = (key.public.fingerprint for key in identity.keys(tx))
    if receiver in earlier:
        raise OutdatedKey(
            f"this hub has a new key, {current.grouped}",
            hint="the hub that asks follows it by itself, or by `tukar peer refresh`",
        )
    if receiver != current:
        raise Unauthenticated(f"the request is meant for the hub with the key {receiver.grouped}, which this is not")


def _no_header(reason: str) -> Unauthenticated:
    return Unauthenticated(f"not the Authorization of a hub: {reason}", hint=f"{SCHEME} <payload>.<signature>")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes:
    """From base64 in its one form: no bit is left over."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise _no_header("not base64") from None
    if _encode(data) != text:
        raise _no_header("not base64 in its one form")
    return data
