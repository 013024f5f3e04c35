"""What another hub asks for: fetched from it as anybody may, and verified with its key."""

from __future__ import annotations

from tukar.errors import Refused
from tukar.exchange import requests
from tukar.exchange.hubs import fetch_identity, fetch_public
from tukar.exchange.patience import EXCHANGE
from tukar.exchange.replies import Fields
from tukar.exchange.requests import Request
from tukar.signing import BadSignature, Envelope, Fingerprint, PublicKey


def fetch(
    name: str, url: str, fingerprint: Fingerprint, now: float, seconds: float = EXCHANGE
) -> list[tuple[Request, Envelope]]:
    """The open requests of the peer ``name``, which is known by a key of that fingerprint.

    Args:
        seconds: that each of its two answers may take.

    Raises:
        Refused: another hub answers at its address.
        Invalid, BadSignature: what it says is not a list of requests that it signed.
        Unavailable: it does not answer.
    """
    keys = _keys(name, url, fingerprint, seconds)
    found = fetch_public(url, "/api/tukar/requests", seconds).json()
    read = [_verified(Envelope.read(item.value.get("envelope")), keys) for item in Fields.each(found)]
    return [(request, envelope) for request, envelope in read if now < request.expires_at]


def _keys(name: str, url: str, fingerprint: Fingerprint, seconds: float) -> frozenset[PublicKey]:
    """The peer's keys: a request may be older than the current one."""
    document = fetch_identity(url, seconds)
    if fingerprint not in {key.fingerprint for key in document.keys}:
        raise Refused(
            f"the hub at {url} has the key {document.current.fingerprint.grouped}, "
            f"not the one that is known of {name!r}",
            hint="ask its operator, not over this address, whether its key was changed",
        )
    return frozenset(document.keys)


def _verified(envelope: Envelope, keys: frozenset[PublicKey]) -> tuple[Request, Envelope]:
    request = requests.verify(envelope)
    if request.hub not in keys:
        raise BadSignature(f"the request {request.id[:12]} is by another hub: {request.hub.fingerprint.grouped}")
    return request, envelope
