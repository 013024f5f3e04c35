"""What hubs ask of each other in a swap: each says where it stands, and fetches what the other hands over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.errors import NotFound
from tukar.exchange.peers import Peer
from tukar.exchange.remote import STREAM, Bases
from tukar.exchange.swap_client import SWAPS_PATH
from tukar.objects.stream import Start
from tukar.server.peering import from_acquaintance, from_peer
from tukar.server.requests import fields, hub, items, param, parse_json, text, whole_number
from tukar.server.streams import PiecesResponse
from tukar.signing import Envelope
from tukar.types import Digest
from tukar.usecases import swap_talk

_TALK_LIMIT: Final = 32 << 20  # bytes: an offer of many repositories, and its acceptance
_LAST_WORDS: Final = 64 << 10  # bytes of who is not trusted, and has nothing to say any more


def talk(request: Request, peer: Peer, body: bytes) -> Response:
    """Take what a peer says of a swap; answer what this hub says of it."""
    asked = fields(parse_json(body))
    statements = [Envelope.read(item) for item in items(asked.get("statements"), "statements")]
    answers = swap_talk.answer(hub(request).services, peer, _swap_id(request), statements)
    return JSONResponse({"statements": [envelope.value() for envelope in answers]})


def _most(request: Request, peer: Peer) -> int:
    """Bytes that a peer may say of a swap. A receipt, which still has to be heard of the revoked, lists every file."""
    if peer.is_trusted or swap_talk.is_open(hub(request).services, peer, _swap_id(request)):
        return _TALK_LIMIT
    return _LAST_WORDS


def objects(request: Request, peer: Peer, body: bytes) -> Response:
    """The objects that a peer asks for, in their stored form."""
    asked = fields(parse_json(body))
    source = swap_talk.source(hub(request).services, peer, _swap_id(request))
    pieces = source.give(digests(asked, "objects"), start(asked.get("start")), digests(asked, "differences"))
    return PiecesResponse(pieces, None, headers={"Content-Type": STREAM})


def bases(request: Request, peer: Peer, body: bytes) -> Response:
    """Which of these objects are stored as differences, and to what that the peer may know of."""
    wanted = digests(fields(parse_json(body)), "objects")
    return JSONResponse(bases_value(swap_talk.source(hub(request).services, peer, _swap_id(request)).bases(wanted)))


def bases_value(found: Bases) -> dict[str, Any]:
    """What is stored as a difference, as JSON."""
    return {"differences": [{"object": str(one), "bases": [str(base) for base in of]} for one, of in found.items()]}


def digests(asked: Mapping[str, Any], name: str) -> list[Digest]:
    """Names of objects, from JSON."""
    return [_digest(item) for item in items(asked.get(name), name)]


def start(value: Any) -> Start | None:
    """Where a stream is to go on, from JSON."""
    if value is None:
        return None
    asked = fields(value, "the start")
    return Start(_digest(asked.get("record")), whole_number(asked.get("stored"), "stored"))


def _digest(value: object) -> Digest:
    return Digest.parse(text(value, "an object's digest"))


def _swap_id(request: Request) -> str:
    found = param(request, "swap")
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise NotFound("no such swap")
    return found


routes = [
    Route(f"{SWAPS_PATH}/{{swap}}", from_acquaintance(talk, _most), methods=["POST"]),
    Route(f"{SWAPS_PATH}/{{swap}}/objects", from_peer(objects), methods=["POST"]),
    Route(f"{SWAPS_PATH}/{{swap}}/bases", from_peer(bases), methods=["POST"]),
]
