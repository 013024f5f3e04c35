"""Signed claims: addresses and tokens that the hub gives out and later takes back, without keeping them.

A claim is a JSON object with a purpose and an expiry, with an HMAC-SHA256 (RFC 2104) under the hub's secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from tukar.errors import Refused


def sign(secret: bytes, purpose: str, claim: dict[str, Any], expires_at: float) -> str:
    """A claim as URL-safe text. ``purpose`` keeps claims for one use from serving another."""
    payload = json.dumps({**claim, "for": purpose, "exp": int(expires_at)}, separators=(",", ":")).encode()
    return f"{_text(payload)}.{_text(_mac(secret, payload))}"


def verify(secret: bytes, purpose: str, signed: str, now: float) -> dict[str, Any]:
    """The claim; Refused if it is not one of this hub's, is for something else, or has expired."""
    payload_text, _, mac_text = signed.partition(".")
    try:
        payload, mac = _bytes(payload_text), _bytes(mac_text)
    except ValueError:
        raise Refused("this address or token was not given out by this hub") from None
    if not hmac.compare_digest(mac, _mac(secret, payload)):
        raise Refused("this address or token was not given out by this hub")
    claim: dict[str, Any] = json.loads(payload)
    if claim["for"] != purpose:
        raise Refused("this address or token is for another use")
    if claim["exp"] < now:
        raise Refused("this address or token has expired", hint="ask for a new one")
    return claim


def _mac(secret: bytes, payload: bytes) -> bytes:
    return hmac.new(secret, payload, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
