"""Git LFS: the batch call, and uploads in one piece or in parts.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, and the Hugging Face Hub's multipart variant.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from time import time
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog.values import User
from tukar.errors import Invalid, NotFound, Unsupported
from tukar.objects.sources import FileSource, JoinedSource
from tukar.server import claims
from tukar.server.limits import LANDINGS
from tukar.server.requests import (
    base_url,
    fields,
    hub,
    identity,
    items,
    parse_json,
    repo_id,
    spooled,
    text,
    whole_number,
    with_body,
    with_json,
)
from tukar.usecases import publish
from tukar.usecases.commit import writable

_MEDIA: Final = "application/vnd.git-lfs+json"
_LIFETIME: Final = 24 * 3600.0  # seconds: a part of a large file may come late over a slow link
_PART: Final = 64 << 20
_MULTIPART_FROM: Final = 1 << 30
_OBJECTS_LIMIT: Final = 1000
_COMPLETION_LIMIT: Final = 4 << 20  # 10,000 parts with their numbers and tags
UPLOAD: Final = "lfs-upload"
PARTS: Final = "lfs-parts"


def batch(request: Request, value: Any) -> Response:
    """Which of the objects must be uploaded, and where to.

    An object that the hub has, but that the asker neither sent nor may read, must be uploaded like any other.
    """
    asked = fields(value)
    if asked.get("operation") != "upload":
        raise Unsupported("this hub's LFS takes uploads only", hint="download through /resolve/")
    who, where, services = identity(request), repo_id(request), hub(request).services
    objects = [_object(item) for item in items(asked.get("objects"), "objects")]
    if len(objects) > _OBJECTS_LIMIT:
        raise Invalid(f"more than {_OBJECTS_LIMIT} objects at once")
    with services.database.read() as tx:
        repository, user = writable(tx, who, where)
    if "xet" in items(asked.get("transfers"), "transfers"):
        answer = [{"oid": oid, "size": size} for oid, size in objects]
        return JSONResponse({"transfer": "xet", "objects": answer}, media_type=_MEDIA)
    here = publish.already_here(services, who, repository, [oid for oid, _ in objects])
    answer = [_answer(request, user, oid, size, here=oid in here) for oid, size in objects]
    return JSONResponse({"transfer": "basic", "objects": answer}, media_type=_MEDIA)


def _object(value: object) -> tuple[str, int]:
    item = fields(value, "an object")
    oid = text(item.get("oid"), "oid")
    if not re.fullmatch(r"[0-9a-f]{64}", oid):
        raise Invalid(f"not a sha256 of 64 lower-case hex digits: {oid[:80]!r}")
    return oid, whole_number(item.get("size"), "size")


def _answer(request: Request, user: User, oid: str, size: int, *, here: bool) -> dict[str, Any]:
    if here:
        return {"oid": oid, "size": size}
    limit = hub(request).config.upload_limit
    if size > limit:
        return {"oid": oid, "size": size, "error": {"code": 422, "message": f"this hub takes at most {limit} bytes"}}
    claim = claims.of_user(user) | {"oid": oid, "size": size}
    upload = _one(request, claim) if size < _MULTIPART_FROM else _many(request, claim)
    return {"oid": oid, "size": size, "authenticated": True, "actions": {"upload": upload}}


def _one(request: Request, claim: dict[str, Any]) -> dict[str, Any]:
    return {"href": f"{base_url(request)}/lfs/upload/{claims.sign(request, UPLOAD, claim, _LIFETIME)}"}


def _many(request: Request, claim: dict[str, Any]) -> dict[str, Any]:
    # At most 10,000 parts, as object stores have it.
    claim |= {"part": max(_PART, -(-claim["size"] // 10_000)), "upload": token_hex(16)}
    address = f"{base_url(request)}/lfs/parts/{claims.sign(request, PARTS, claim, _LIFETIME)}"
    parts = {str(number): f"{address}/{number}" for number in range(1, _part_count(claim) + 1)}
    return {"href": address, "header": {"chunk_size": str(claim["part"]), **parts}}


def _part_count(claim: dict[str, Any]) -> int:
    return -(-int(claim["size"]) // int(claim["part"]))


async def upload(request: Request) -> Response:
    """The whole object. The address was signed for one user and one object."""
    claim = claims.verify(request, UPLOAD, request.path_params["claim"])
    async with spooled(request, claim["size"]) as path:
        return await to_thread.run_sync(_receive, request, claim, [path], limiter=LANDINGS.get(request))


async def upload_part(request: Request) -> Response:
    """One part of an object; sent again, it takes the place of what came before."""
    claim, number = claims.verify(request, PARTS, request.path_params["claim"]), request.path_params["number"]
    if not 1 <= number <= _part_count(claim):
        raise NotFound(f"the upload has no part {number}")
    folder = await to_thread.run_sync(_begin, hub(request).spool, claim["upload"])
    async with spooled(request, claim["part"]) as arrived:
        await to_thread.run_sync(arrived.replace, folder / f"part-{number}")
    return Response(headers={"ETag": f'"{claim["upload"]}-{number}"'})


def _begin(spool: Path, upload_id: str) -> Path:
    """The folder of an upload. What was begun too long ago to be completed goes when another upload begins."""
    folder = spool / f"parts-{upload_id}"
    if not folder.exists():
        for other in spool.glob("parts-*"):
            if other.stat().st_mtime < time() - _LIFETIME:
                rmtree(other, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    return folder


async def complete(request: Request) -> Response:
    """All parts are here: put them together."""
    claim = claims.verify(request, PARTS, request.path_params["claim"])
    return await with_body(request, _COMPLETION_LIMIT, lambda data: _complete(request, claim, data), work=LANDINGS)


def _complete(request: Request, claim: dict[str, Any], data: bytes) -> Response:
    if fields(parse_json(data)).get("oid") != claim["oid"]:
        raise Invalid("the upload is of another object")
    folder = hub(request).spool / f"parts-{claim['upload']}"
    paths = [folder / f"part-{number}" for number in range(1, _part_count(claim) + 1)]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise Invalid(f"{len(missing)} parts have not arrived, the first of them {missing[0]}", hint="send them again")
    try:
        return _receive(request, claim, paths)
    finally:  # whether they were right or wrong: a client that tries again begins another upload
        rmtree(folder, ignore_errors=True)


def _receive(request: Request, claim: dict[str, Any], paths: list[Path]) -> Response:
    services = hub(request).services
    with services.database.read() as tx:
        user = claims.find_user(tx, claim)
    with ExitStack() as files:
        source = JoinedSource([files.enter_context(FileSource(path)) for path in paths])
        if source.size != claim["size"]:
            raise Invalid(f"{source.size} bytes came, not the {claim['size']} that were announced")
        publish.receive(services, user.id, source, claim["oid"])
    return JSONResponse({})


_BATCH: Final = "/{namespace}/{name}.git/info/lfs/objects/batch"

routes = [
    Route(f"/{{type:kind}}{_BATCH}", with_json(batch), methods=["POST"]),
    Route(_BATCH, with_json(batch), methods=["POST"]),
    Route("/lfs/upload/{claim}", upload, methods=["PUT"]),
    Route("/lfs/parts/{claim}/{number:int}", upload_part, methods=["PUT"]),
    Route("/lfs/parts/{claim}", complete, methods=["POST"]),
]
