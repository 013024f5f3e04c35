"""Requests of other hubs: who signed them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tukar.errors import Refused, Unauthenticated
from tukar.exchange import authorisation
from tukar.exchange.authorisation import Call
from tukar.exchange.peers import Peer
from tukar.server.requests import hub, with_body
from tukar.usecases import peer as usecase

BODY_LIMIT: Final = 16 << 20

Answer = Callable[[Request, Peer, bytes], Response]


def from_peer(answer: Answer, limit: int = BODY_LIMIT) -> Callable[[Request], Any]:
    """An endpoint for trusted peers, with a body of at most ``limit`` bytes; ``answer`` is called in a thread.

    Anybody else gets 401 or 403 before their body is read.
    """
    return _endpoint(answer, limit, _trusted)


def from_acquaintance(answer: Answer, limit: int = BODY_LIMIT) -> Callable[[Request], Any]:
    """The same for whoever is or was a peer, revoked or removed ones too.

    For the last words of a swap alone: they hand over no bytes. ``answer`` looks at ``peer.is_trusted``, and raises
    `tukar.exchange.authorisation.stranger` wherever somebody else would be told that they are no peer.
    """
    return _endpoint(answer, limit, _whoever)


def exchange_peer(request: Request, body: bytes) -> Peer:
    """The trusted peer that signed the request and this body; the request is spent. For threads.

    Raises:
        Unauthenticated: it is not signed, or not for this hub, now, this path and this body; or it came before.
        Refused: it is not by a peer of this hub.
    """
    call, _ = _signer(request)
    return _trusted(_taken(request, call, body))


def _endpoint(answer: Answer, limit: int, check: Callable[[Peer], Peer]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        call, peer = await to_thread.run_sync(_signer, request)
        check(peer)
        return await with_body(request, limit, lambda body: answer(request, check(_taken(request, call, body)), body))

    return endpoint


def _signer(request: Request) -> tuple[Call, Peer]:
    headers = request.headers.getlist("authorization")
    if len(headers) != 1:
        raise Unauthenticated("the request of a hub is signed, in one Authorization")
    services = hub(request).services
    try:
        with services.database.read() as tx:
            return authorisation.verify(tx, headers[0], request.method, _path(request), services.clock())
    except Refused:  # not by a key that is known: who it is shows only where the peers are
        usecase.wonder(services)
        raise


def _path(request: Request) -> str:
    """The path and the query as they were sent. (The path is raw: see `tukar.server.requests.RawPaths`.)"""
    query = request.scope["query_string"].decode("latin-1")
    path = str(request.scope["path"])
    return f"{path}?{query}" if query else path


def _taken(request: Request, call: Call, body: bytes) -> Peer:
    """The peer as it is now, after all of the body has come."""
    authorisation.check_body(call, body)
    services = hub(request).services
    with services.database.write() as tx:
        return authorisation.spend(tx, call, services.clock())


def _trusted(peer: Peer) -> Peer:
    if not peer.is_trusted:
        raise authorisation.stranger()
    return peer


def _whoever(peer: Peer) -> Peer:
    return peer
