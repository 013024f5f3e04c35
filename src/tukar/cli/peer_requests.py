"""The requests of a peer, fetched from it as anybody may, and verified with its key."""

from __future__ import annotations

import time
from typing import Any

from tukar.cli.administration import Administration, Value
from tukar.cli.output import moment
from tukar.errors import NotFound, Refused
from tukar.exchange import wanted
from tukar.exchange.requests import Request
from tukar.signing import Envelope, Fingerprint


def of_peer(hub: Administration, name: str) -> list[Value]:
    """The open requests of a peer, in the form of this hub's own.

    Raises:
        NotFound: there is no such peer.
        Refused: another hub answers at its address.
        Invalid, BadSignature: what it says is not a list of requests that it signed.
        Unavailable: it does not answer.
    """
    peer = _peer(hub, name)
    found = wanted.fetch(peer["name"], peer["url"], Fingerprint.parse(peer["fingerprint"]), time.time())
    return [_value(request, envelope) for request, envelope in found]


def _peer(hub: Administration, name: str) -> Value:
    found = next((peer for peer in hub.peers() if peer["name"].lower() == name.lower()), None)
    if found is None:
        raise NotFound(f"there is no peer {name[:100]!r}", hint="`tukar peer list` lists them")
    if found["state"] != "trusted":
        raise Refused(f"the peer {found['name']!r} was {found['state']}", hint="its requests are not fetched")
    return found


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
