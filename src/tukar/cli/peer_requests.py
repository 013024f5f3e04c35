"""The requests of a peer, fetched from it as anybody may, and verified with its key."""

from __future__ import annotations

import time
from typing import Any

from tukar.cli.administration import Administration, Value
from tukar.cli.output import moment
from tukar.errors import NotFound, Refused
from tukar.exchange import requests
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote
from tukar.exchange.hubs import fetch_identity
from tukar.exchange.replies import Fields
from tukar.exchange.requests import Request
from tukar.signing import BadSignature, Envelope, Fingerprint, PublicKey


def of_peer(hub: Administration, name: str) -> list[Value]:
    """The open requests of a peer, in the form of this hub's own.

    Raises:
        NotFound: there is no such peer.
        Refused: another hub answers at its address.
        Invalid, BadSignature: what it says is not a list of requests that it signed.
        Unavailable: it does not answer.
    """
    peer = _peer(hub, name)
    keys = _keys(peer)
    with Remote(Endpoint(peer["url"])) as remote:
        found = remote.get("/api/tukar/requests").json()
    read = [_verified(Envelope.read(item.value.get("envelope")), keys) for item in Fields.each(found)]
    now = time.time()
    return [_value(request, envelope) for request, envelope in read if now < request.expires_at]


def _peer(hub: Administration, name: str) -> Value:
    found = next((peer for peer in hub.peers() if peer["name"].lower() == name.lower()), None)
    if found is None:
        raise NotFound(f"there is no peer {name[:100]!r}", hint="`tukar peer list` lists them")
    if found["state"] != "trusted":
        raise Refused(f"the peer {found['name']!r} was {found['state']}", hint="its requests are not fetched")
    return found


def _keys(peer: Value) -> frozenset[PublicKey]:
    """The peer's keys: a request may be older than the current one."""
    document = fetch_identity(peer["url"])
    if Fingerprint.parse(peer["fingerprint"]) not in {key.fingerprint for key in document.keys}:
        raise Refused(
            f"the hub at {peer['url']} has the key {document.current.fingerprint.grouped}, "
            f"not the one that is known of {peer['name']!r}",
            hint="ask its operator, not over this address, whether its key was changed",
        )
    return frozenset(document.keys)


def _verified(envelope: Envelope, keys: frozenset[PublicKey]) -> tuple[Request, Envelope]:
    request = requests.verify(envelope)
    if request.hub not in keys:
        raise BadSignature(f"the request {request.id[:12]} is by another hub: {request.hub.fingerprint.grouped}")
    return request, envelope


def _value(request: Request, envelope: Envelope) -> dict[str, Any]:
    wish = request.wish
    told = wish.evaluation
    return {
        "id": request.id,
        "state": "open",
        "hub": request.hub.fingerprint.grouped,
        "text": wish.text,
        "task": wish.task or None,
        "licence": wish.licence or None,
        "base_model": wish.base_model or None,
        "evaluation": told and {"sha256": told.sha256, "metric": told.metric, "at_least": told.at_least},
        "made": moment(request.made_at),
        "expires": moment(request.expires_at),
        "swap": None,
        "envelope": envelope.value(),
    }
