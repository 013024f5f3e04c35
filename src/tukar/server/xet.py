"""The Xet content-addressed service, as published at https://huggingface.co/docs/xet/api.

The address of the service names an epoch and the user only so that clients keep a cache for each (see ``cas.epochs``);
rights come from the token alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from anyio import create_task_group, sleep, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tukar.cas import epochs, views
from tukar.catalog import possessions, repositories, revisions, users
from tukar.catalog.values import ANONYMOUS, Identity, User
from tukar.errors import NotFound, Refused, TukarError, Unauthenticated, Unavailable, Unsupported
from tukar.server import signing
from tukar.server.errors import json_error
from tukar.server.limits import LANDINGS, XORBS
from tukar.server.requests import base_url, bearer, flag, hub, identity, param, repo_id, spooled
from tukar.server.streams import PiecesResponse, parse_range
from tukar.types import RepoId
from tukar.usecases.commit import writable
from tukar.usecases.register_shard import register_shard, total_bytes
from tukar.xet.hashes import XetHash
from tukar.xet.reconstruction import Plan, plan
from tukar.xet.shards import MAX_SHARD_BYTES, Shard, read_shard
from tukar.xet.xorbs import MAX_BODY_BYTES

_TOKEN_LIFETIME: Final = 3600.0
_URL_LIFETIME: Final = 3600.0
_READ, _WRITE, _XORB = "xet-read", "xet-write", "xorb"
_FRAME_EVERY: Final = 5.0  # seconds; clients give up after 300 without a byte


def write_token(request: Request) -> Response:
    """A token to upload with."""
    if flag(request.query_params.get("create_pr")):
        raise Unsupported("this hub has no pull requests yet", hint="commit to 'main'")
    who, where = identity(request), repo_id(request)
    with hub(request).services.database.read() as tx:
        _, user = writable(tx, who, where)
    return _token(request, _WRITE, user.id, {"user": user.name, "id": user.id})


def read_token(request: Request) -> Response:
    """A token to download the files of one repository with."""
    who, where = identity(request), repo_id(request)
    with hub(request).services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        revisions.resolve(tx, repository, param(request, "revision"))
    user_id = who.user.id if who.user else None
    claim = {"user": who.user.name if who.user else None, "repository": [where.namespace, where.name, where.type]}
    return _token(request, _READ, user_id, claim)


def _token(request: Request, purpose: str, user_id: int | None, claim: dict[str, Any]) -> Response:
    running = hub(request)
    expires = int(running.services.clock() + _TOKEN_LIFETIME)
    with running.services.database.read() as tx:
        epoch = epochs.current(tx, user_id)
    address = f"{base_url(request)}/xet/{epoch}/{'all' if user_id is None else user_id}"
    token = signing.sign(running.secret, purpose, claim, expires)
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(expires),
    }
    return JSONResponse({"casUrl": address, "accessToken": token, "exp": expires}, headers=headers)


def _claim(request: Request, purpose: str) -> dict[str, Any]:
    running = hub(request)
    return signing.verify(running.secret, purpose, bearer(request) or "", running.services.clock())


def _writer(request: Request) -> User:
    try:
        claim = _claim(request, _WRITE)
    except Refused as error:
        raise Unauthenticated(error.message, hint="ask the hub for a token to upload with") from error
    with hub(request).services.database.read() as tx:
        user = users.find(tx, claim["user"])
    if user is None or user.id != claim["id"]:
        raise Unauthenticated("the user of this token is no more")
    return user


def nothing(_: Request) -> Response:
    """Global deduplication, and uploads straight to an object store: not offered, and clients go on without."""
    return json_error(404, "not offered by this hub")


async def post_xorb(request: Request) -> Response:
    """Take in a xorb."""
    user = await to_thread.run_sync(_writer, request)
    claimed = XetHash.parse(request.path_params["hash"])
    running = hub(request)
    async with spooled(request, MAX_BODY_BYTES) as path:

        def receive() -> bool:
            return running.services.xorbs.receive(user.id, claimed, path, running.services.clock())

        was_inserted = await to_thread.run_sync(receive, limiter=XORBS.get(request))
    return JSONResponse({"was_inserted": was_inserted})


async def post_shard(request: Request) -> Response:
    """Register files; the answer comes when all of them are stored."""
    user = await to_thread.run_sync(_writer, request)
    async with spooled(request, MAX_SHARD_BYTES) as path:
        shard = await to_thread.run_sync(_read_shard, path)
    services = hub(request).services
    await to_thread.run_sync(register_shard, services, user, shard, limiter=LANDINGS.get(request))
    return JSONResponse({"result": 1})


async def post_shard_streamed(request: Request) -> Response:
    """Register files, and tell how far that is, one JSON object a line; the last says how it ended."""
    user = await to_thread.run_sync(_writer, request)
    async with spooled(request, MAX_SHARD_BYTES) as path:
        shard = await to_thread.run_sync(_read_shard, path)
    return StreamingResponse(_frames(request, user, shard), media_type="application/x-ndjson")


def _read_shard(path: Path) -> Shard:
    with path.open("rb") as body:
        return read_shard(body)


async def _frames(request: Request, user: User, shard: Shard) -> AsyncIterator[bytes]:
    services, total = hub(request).services, total_bytes(shard)
    done = 0
    ending: list[dict[str, Any]] = []

    def advance(size: int) -> None:
        nonlocal done
        done += size

    async def register() -> None:
        try:
            await to_thread.run_sync(register_shard, services, user, shard, advance, limiter=LANDINGS.get(request))
            ending.append({"type": "result"})
        except TukarError as error:
            # A status could say less: clients show this message, and drop the body of an error reply.
            message = f"{error.message} ({error.hint})" if error.hint else error.message
            ending.append({"type": "error", "message": message, "retryable": isinstance(error, Unavailable)})

    yield _line({"type": "validating", "verified": 0, "total": total})
    async with create_task_group() as group:
        group.start_soon(register)
        waited = 0.0
        while not ending:
            await sleep(0.05)
            waited += 0.05
            if waited >= _FRAME_EVERY:
                waited = 0.0
                yield _line({"type": "validating", "verified": min(done, total), "total": total})
    yield _line(ending[0])


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def reconstruction(request: Request) -> Response:
    """How to put a file, or a range of it, together from xorbs."""
    wanted = XetHash.parse(request.path_params["hash"])
    found = _plan(request, wanted)

    def url_for(xorb: XetHash, start: int, stop: int) -> str:
        running = hub(request)
        claim = {"xorb": str(xorb), "start": start, "stop": stop}
        signed = signing.sign(running.secret, _XORB, claim, running.services.clock() + _URL_LIFETIME)
        return f"{base_url(request)}/xet/xorbs/{signed}"

    value = found.v2(url_for) if request.path_params["version"] == "v2" else found.v1(url_for)
    return JSONResponse(value)


def _plan(request: Request, wanted: XetHash) -> Plan:
    services = hub(request).services
    with services.database.read() as tx:
        file = services.xorbs.find_file(tx, wanted)
        who, where = _reader(request)
        repository = repositories.get(tx, who, where)
        if not possessions.holds(tx, repository.id, file.file.sha256):
            raise NotFound(f"{repository} has no file with the Xet hash {wanted}")
        known = views.find(tx, {term.xorb for term in file.terms})
    start, stop = parse_range(request.headers.get("range"), file.file.size) or (0, file.file.size)
    return plan(file.terms, {xorb: item.table for xorb, item in known.items()}, start, stop)


def _reader(request: Request) -> tuple[Identity, RepoId]:
    """Who may read what with this token; their rights to it are looked up anew."""
    try:
        claim = _claim(request, _READ)
    except Refused as error:
        raise Unauthenticated(error.message, hint="ask the hub for a token to download with") from error
    where = RepoId(*claim["repository"])
    if claim["user"] is None:
        return ANONYMOUS, where
    with hub(request).services.database.read() as tx:
        user = users.find(tx, claim["user"])
    return (Identity(user, "read") if user else ANONYMOUS), where


def get_xorb(request: Request) -> Response:
    """The chunks of a xorb that the address was signed for, or a range of them. 403 makes clients ask anew."""
    running = hub(request)
    claim = signing.verify(running.secret, _XORB, request.path_params["claim"], running.services.clock())
    xorb = XetHash.parse(claim["xorb"])
    with running.services.database.read() as tx:
        known = views.find(tx, [xorb]).get(xorb)
    if known is None:
        raise NotFound(f"the hub does not have xorb {xorb} any more")
    first, last = known.table.offset(claim["start"]), known.table.offset(claim["stop"])
    start, stop = parse_range(request.headers.get("range"), known.table.size) or (0, known.table.size)
    if start < first or stop > last:
        raise Refused("this address is for other bytes of the xorb")
    headers = {
        "Content-Range": f"bytes {start}-{stop - 1}/{known.table.size}",
        "Content-Type": "application/octet-stream",
    }
    return PiecesResponse(running.services.xorbs.stream(xorb, start, stop), stop - start, 206, headers)


_REPO: Final = "/api/{type:kind}/{namespace}/{name}"
_CAS: Final = "/xet/{epoch}/{user}"

routes = [
    Route(f"{_REPO}/xet-write-token/{{revision}}", write_token),
    Route(f"{_REPO}/xet-read-token/{{revision}}", read_token),
    Route("/xet/xorbs/{claim}", get_xorb),
    Route(f"{_CAS}/v1/chunks/{{prefix}}/{{hash}}", nothing),
    Route(f"{_CAS}/v1/xorb-grants/{{prefix}}/{{hash}}", nothing, methods=["POST"]),
    Route(f"{_CAS}/v1/xorbs/{{prefix}}/{{hash}}", post_xorb, methods=["POST"]),
    Route(f"{_CAS}/v1/shards", post_shard, methods=["POST"]),
    Route(f"{_CAS}/v2/shards", post_shard_streamed, methods=["POST"]),
    Route(f"{_CAS}/{{version}}/reconstructions/{{hash}}", reconstruction),
]
