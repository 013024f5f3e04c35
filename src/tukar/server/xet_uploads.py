"""The Xet service, uploads: xorbs, and the shards that make files of them (https://huggingface.co/docs/xet/api)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from anyio import Event, create_task_group, move_on_after, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tukar.catalog.values import User
from tukar.errors import Invalid, Refused, TukarError, Unauthenticated, Unavailable
from tukar.server import claims
from tukar.server.errors import json_error
from tukar.server.limits import LANDINGS, XORBS
from tukar.server.requests import bearer, hub, spooled
from tukar.server.xet import CAS, WRITE
from tukar.usecases.register_shard import register_shard, total_bytes
from tukar.xet.hashes import XetHash
from tukar.xet.shards import MAX_SHARD_BYTES, Shard, read_shard
from tukar.xet.xorbs import MAX_BODY_BYTES

_FRAME_EVERY: Final = 5.0  # seconds; clients give up after 300 without a byte


def _writer(request: Request) -> User:
    try:
        claim = claims.verify(request, WRITE, bearer(request) or "")
        with hub(request).services.database.read() as tx:
            return claims.find_user(tx, claim)
    except Refused as error:
        raise Unauthenticated(error.message, hint="ask the hub for a token to upload with") from error


def nothing(_: Request) -> Response:
    """Global deduplication, and uploads straight to an object store: not offered, and clients go on without."""
    return json_error(404, "not offered by this hub")


async def post_xorb(request: Request) -> Response:
    """Take in a xorb."""
    user = await to_thread.run_sync(_writer, request)
    claimed = XetHash.parse(request.path_params["hash"])
    services = hub(request).services
    async with spooled(request, MAX_BODY_BYTES) as path:

        def receive() -> bool:
            return services.xorbs.receive(user.id, claimed, path, services.clock())

        was_inserted = await to_thread.run_sync(receive, limiter=XORBS.get(request))
    return JSONResponse({"was_inserted": was_inserted})


async def post_shard(request: Request) -> Response:
    """Register files; the answer comes when all of them are stored."""
    user, shard = await _receive_shard(request)
    services = hub(request).services
    await to_thread.run_sync(register_shard, services, user, shard, limiter=LANDINGS.get(request))
    return JSONResponse({"result": 1})


async def post_shard_streamed(request: Request) -> Response:
    """Register files, and tell how far that is."""
    user, shard = await _receive_shard(request)
    return _Registration(request, user, shard)


async def _receive_shard(request: Request) -> tuple[User, Shard]:
    user = await to_thread.run_sync(_writer, request)
    async with spooled(request, MAX_SHARD_BYTES) as path:
        return user, await to_thread.run_sync(_read_shard, path, hub(request).config.upload_limit)


def _read_shard(path: Path, limit: int) -> Shard:
    with path.open("rb") as body:
        shard = read_shard(body)
    if any(file.size > limit for file in shard.files):
        raise Invalid(f"this hub takes files of at most {limit} bytes")
    return shard


class _Registration(Response):
    """The registration of a shard as one JSON object a line; the last says how it ended.

    It goes on when the client leaves: what is stored then need not be sent again.
    """

    def __init__(self, request: Request, user: User, shard: Shard) -> None:
        super().__init__(media_type="application/x-ndjson")
        del self.headers["Content-Length"]
        self._request, self._user, self._shard = request, user, shard
        self._total, self._done = total_bytes(shard), 0
        self._ending: dict[str, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        ended = Event()
        async with create_task_group() as group:
            group.start_soon(self._register, ended)
            while not ended.is_set():
                await send({"type": "http.response.body", "body": self._progress(), "more_body": True})
                with move_on_after(_FRAME_EVERY):
                    await ended.wait()
        await send({"type": "http.response.body", "body": _line(self._ending), "more_body": False})

    async def _register(self, ended: Event) -> None:
        services, limiter = hub(self._request).services, LANDINGS.get(self._request)
        try:
            await to_thread.run_sync(register_shard, services, self._user, self._shard, self._advance, limiter=limiter)
            self._ending = {"type": "result"}
        except TukarError as error:
            # A status could say less: clients show this message, and drop the body of an error reply.
            message = f"{error.message} ({error.hint})" if error.hint else error.message
            self._ending = {"type": "error", "message": message, "retryable": isinstance(error, Unavailable)}
        ended.set()

    def _advance(self, size: int) -> None:
        self._done += size

    def _progress(self) -> bytes:
        return _line({"type": "validating", "verified": min(self._done, self._total), "total": self._total})


def _line(value: dict[str, Any] | None) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


routes = [
    Route(f"{CAS}/v1/chunks/{{prefix}}/{{hash}}", nothing),
    Route(f"{CAS}/v1/xorb-grants/{{prefix}}/{{hash}}", nothing, methods=["POST"]),
    Route(f"{CAS}/v1/xorbs/{{prefix}}/{{hash}}", post_xorb, methods=["POST"]),
    Route(f"{CAS}/v1/shards", post_shard, methods=["POST"]),
    Route(f"{CAS}/v2/shards", post_shard_streamed, methods=["POST"]),
]
