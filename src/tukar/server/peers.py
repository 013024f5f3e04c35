"""Who this hub is, for everybody; its keys and its peers, for those who run it."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog.values import Identity
from tukar.exchange.hubs import IDENTITY_PATH
from tukar.exchange.identity import HubKey
from tukar.exchange.peers import Peer
from tukar.server.checks import administrator
from tukar.server.info import date
from tukar.server.requests import fields, hub, identity, param, text, with_json
from tukar.signing import Fingerprint, IdentityDocument
from tukar.usecases import keys
from tukar.usecases import peer as usecase
from tukar.usecases.services import Services

_PEERS: Final = "/api/tukar/peers"


def show_identity(request: Request) -> Response:
    """The identity document, byte for byte as it can be verified."""
    document = keys.document(hub(request).services).encode()
    return Response(document, media_type="application/json", headers={"Cache-Control": "no-cache"})


def list_keys(request: Request) -> Response:
    """The current key and the earlier ones."""
    return JSONResponse(keys_value(keys.history(hub(request).services, identity(request))))


def rotate(request: Request) -> Response:
    """Go on with a new key."""
    return JSONResponse(keys_value(keys.rotate(hub(request).services, identity(request))))


def keys_value(found: list[HubKey]) -> dict[str, Any]:
    """This hub's keys as JSON."""
    *earlier, current = ({"fingerprint": key.fingerprint.grouped, "since": date(key.since)} for key in found)
    return {**current, "earlier": earlier}


def look(request: Request, value: Any) -> Response:
    """Who the hub at an address says it is."""
    url = text(fields(value).get("url"), "url")
    return JSONResponse(look_value(url, usecase.look(hub(request).services, identity(request), url)))


def look_value(url: str, document: IdentityDocument) -> dict[str, Any]:
    """A hub that is no peer yet, as JSON."""
    return {
        "name": usecase.default_name(url),
        "url": url,
        "fingerprint": document.current.fingerprint.grouped,
        "earlier": len(document.successions),
    }


def add_peer(request: Request, value: Any) -> Response:
    """Trust a hub."""
    asked = fields(value)
    url, fingerprint = text(asked.get("url"), "url"), text(asked.get("fingerprint"), "fingerprint")
    name = None if asked.get("name") is None else text(asked["name"], "name")
    added = usecase.add(hub(request).services, identity(request), url, Fingerprint.parse(fingerprint), name)
    return JSONResponse(peer_value(added))


def list_peers(request: Request) -> Response:
    """Every peer."""
    return JSONResponse(peers_value(hub(request).services, identity(request)))


def peers_value(services: Services, asker: Identity) -> list[dict[str, Any]]:
    """Every peer as JSON, with the keys that it had before."""
    earlier = usecase.earlier_keys(services, asker)
    found = usecase.listing(services, asker)
    return [peer_value(peer) | {"earlier": [key.grouped for key in earlier.get(peer.id, [])]} for peer in found]


def peer_value(peer: Peer) -> dict[str, Any]:
    """A peer as JSON."""
    return {
        "name": peer.name,
        "url": peer.url,
        "fingerprint": peer.fingerprint.grouped,
        "state": peer.state,
        "added": date(peer.added_at),
    }


def refresh_peer(request: Request) -> Response:
    """Follow a peer to its newest key."""
    return JSONResponse(peer_value(usecase.refresh(hub(request).services, identity(request), param(request, "peer"))))


def revoke_peer(request: Request) -> Response:
    """Give a peer nothing more."""
    return JSONResponse(peer_value(usecase.revoke(hub(request).services, identity(request), param(request, "peer"))))


def remove_peer(request: Request) -> Response:
    """Forget a peer."""
    usecase.remove(hub(request).services, identity(request), param(request, "peer"))
    return JSONResponse({})


routes = [
    Route(IDENTITY_PATH, show_identity),
    Route(f"{IDENTITY_PATH}/keys", list_keys),
    Route(f"{IDENTITY_PATH}/rotate", rotate, methods=["POST"]),
    Route(_PEERS, list_peers),
    Route(_PEERS, with_json(add_peer, check=administrator), methods=["POST"]),
    Route(f"{_PEERS}/look", with_json(look, check=administrator), methods=["POST"]),
    Route(f"{_PEERS}/{{peer}}", remove_peer, methods=["DELETE"]),
    Route(f"{_PEERS}/{{peer}}/refresh", refresh_peer, methods=["POST"]),
    Route(f"{_PEERS}/{{peer}}/revoke", revoke_peer, methods=["POST"]),
]
