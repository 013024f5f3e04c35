"""Requests of other hubs: who signed them, and how much of them is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tukar.errors import Refused, Unauthenticated
from tukar.exchange import authorisation, peers
from tukar.exchange.authorisation import Call
from tukar.exchange.patience import EXCHANGE
from tukar.exchange.peers import Peer
from tukar.server.limits import Limit
from tukar.server.requests import hub, with_body
from tukar.usecases import peer as usecase

BODY_LIMIT: Final = 16 << 20
AT_ONCE: Final = 4
"""Requests of one peer whose bodies are read, or answered: the others wait, unread."""

Answer = Callable[[Request, Peer, bytes], Response]
MostBytes = Callable[[Request, Peer], int]


def from_peer(answer: Answer, limit: int = BODY_LIMIT, seconds: float = EXCHANGE) -> Callable[[Request], Any]:
    """An endpoint for trusted peers, with a body of at most ``limit`` bytes that comes within so many seconds.

    ``answer`` is called in a thread. Anybody else gets 401 or 403 before their body is read; so does who sends a
    request once more.
    """
    return _endpoint(answer, lambda *_: limit, _trusted, seconds)


def from_acquaintance(answer: Answer, most: MostBytes, seconds: float = EXCHANGE) -> Callable[[Request], Any]:
    """The same for whoever is or was a peer, revoked or removed ones too, with a body of ``most`` bytes for each.

    For the last words of a swap alone: they hand over no bytes. ``answer`` looks at ``peer.is_trusted``, and raises
    `tukar.exchange.authorisation.stranger` wherever somebody else would be told that they are no peer.
    """
    return _endpoint(answer, most, _whoever, seconds)


def _endpoint(
    answer: Answer, most: MostBytes, check: Callable[[Peer], Peer], seconds: float
) -> Callable[[Request], Any]:
    def admit(request: Request) -> tuple[Call, Peer, int]:
        call, signer = _signer(request)
        check(signer)
        peer = _spent(request, call)
        return call, peer, most(request, peer)

    async def endpoint(request: Request) -> Response:
        call, peer, limit = await to_thread.run_sync(admit, request)

        def answered(body: bytes) -> Response:
            authorisation.check_body(call, body)
            return answer(request, check(_as_it_is_now(request, peer)), body)

        async with Limit(f"peer {peer.id}", AT_ONCE).get(request):
            return await with_body(request, limit, answered, seconds)

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


def _spent(request: Request, call: Call) -> Peer:
    services = hub(request).services
    with services.database.write() as tx:
        return authorisation.spend(tx, call, services.clock())


def _as_it_is_now(request: Request, peer: Peer) -> Peer:
    """After all of the body has come."""
    with hub(request).services.database.read() as tx:
        return peers.by_id(tx, peer.id)


def _trusted(peer: Peer) -> Peer:
    if not peer.is_trusted:
        raise authorisation.stranger()
    return peer


def _whoever(peer: Peer) -> Peer:
    return peer
