"""Git LFS: the batch call, and uploads in one piece or in parts.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, and the Hugging Face Hub's multipart variant.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.errors import Invalid, NotFound, Unsupported
from tukar.objects.sources import FileSource, JoinedSource
from tukar.server import signing
from tukar.server.limits import LANDINGS
from tukar.server.requests import (
    base_url,
    fields,
    hub,
    identity,
    json_body,
    repo_id,
    spool_to,
    spooled,
    text,
    whole_number,
    with_json,
)
from tukar.usecases import publish
from tukar.usecases.commit import writable

_MEDIA: Final = "application/vnd.git-lfs+json"
_LIFETIME: Final = 24 * 3600.0  # seconds: a part of a large file may come late over a slow link
_PART: Final = 64 << 20
_MULTIPART_FROM: Final = 1 << 30
_OBJECTS_LIMIT: Final = 1000
_UPLOAD, _PARTS = "lfs-upload", "lfs-parts"


def batch(request: Request, value: Any) -> Response:
    """Which of the objects must be uploaded, and where to.

    An object that the hub has, but that the asker neither sent nor may read, must be uploaded like any other.
    """
    asked = fields(value)
    if asked.get("operation") != "upload":
        raise Unsupported("this hub's LFS takes uploads only", hint="download through /resolve/")
    who, where, services = identity(request), repo_id(request), hub(request).services
    objects = [_object(item) for item in asked.get("objects") or []]
    if len(objects) > _OBJECTS_LIMIT:
        raise Invalid(f"more than {_OBJECTS_LIMIT} objects at once")
    with services.database.read() as tx:
        repository, user = writable(tx, who, where)
    if "xet" in (asked.get("transfers") or ()):
        answer = [{"oid": oid, "size": size} for oid, size in objects]
        return JSONResponse({"transfer": "xet", "objects": answer}, media_type=_MEDIA)
    here = publish.already_here(services, who, repository, [oid for oid, _ in objects])
    answer = [_answer(request, user.id, oid, size, here=oid in here) for oid, size in objects]
    return JSONResponse({"transfer": "basic", "objects": answer}, media_type=_MEDIA)


def _object(value: object) -> tuple[str, int]:
    item = fields(value)
    oid = text(item.get("oid"), "oid")
    if not re.fullmatch(r"[0-9a-f]{64}", oid):
        raise Invalid(f"not a sha256 of 64 lower-case hex digits: {oid[:80]!r}")
    return oid, whole_number(item.get("size"), "size")


def _answer(request: Request, user_id: int, oid: str, size: int, *, here: bool) -> dict[str, Any]:
    if here:
        return {"oid": oid, "size": size}
    limit = hub(request).config.upload_limit
    if size > limit:
        return {"oid": oid, "size": size, "error": {"code": 422, "message": f"this hub takes at most {limit} bytes"}}
    claim: dict[str, Any] = {"user": user_id, "oid": oid, "size": size}
    upload = _one(request, claim) if size < _MULTIPART_FROM else _many(request, claim)
    return {"oid": oid, "size": size, "authenticated": True, "actions": {"upload": upload}}


def _one(request: Request, claim: dict[str, Any]) -> dict[str, Any]:
    return {"href": f"{base_url(request)}/lfs/upload/{_sign(request, _UPLOAD, claim)}"}


def _many(request: Request, claim: dict[str, Any]) -> dict[str, Any]:
    signed = _sign(request, _PARTS, claim | {"upload": token_hex(16)})
    address = f"{base_url(request)}/lfs/parts/{signed}"
    parts = {str(number): f"{address}/{number}" for number in range(1, _part_count(claim["size"]) + 1)}
    return {"href": address, "header": {"chunk_size": str(_part_size(claim["size"])), **parts}}


def _part_size(size: int) -> int:
    # At most 10,000 parts, as object stores have it.
    return max(_PART, -(-size // 10_000))


def _part_count(size: int) -> int:
    return -(-size // _part_size(size))


def _sign(request: Request, purpose: str, claim: dict[str, Any]) -> str:
    running = hub(request)
    return signing.sign(running.secret, purpose, claim, running.services.clock() + _LIFETIME)


def _claim(request: Request, purpose: str) -> dict[str, Any]:
    running = hub(request)
    return signing.verify(running.secret, purpose, request.path_params["claim"], running.services.clock())


async def upload(request: Request) -> Response:
    """The whole object. The address was signed for one user and one object."""
    claim = _claim(request, _UPLOAD)
    async with spooled(request, claim["size"]) as path:
        return await to_thread.run_sync(_receive, request, claim, [path], limiter=LANDINGS.get(request))


async def upload_part(request: Request) -> Response:
    """One part of an object; sent again, it takes the place of what came before."""
    claim, number = _claim(request, _PARTS), int(request.path_params["number"])
    if not 1 <= number <= _part_count(claim["size"]):
        raise NotFound(f"the upload has no part {number}")
    folder = _folder(request, claim)
    folder.mkdir(parents=True, exist_ok=True)
    arriving = folder / token_hex(8)
    try:
        await spool_to(request, arriving, _part_size(claim["size"]))
        arriving.replace(folder / f"part-{number}")
    finally:
        arriving.unlink(missing_ok=True)
    return Response(headers={"ETag": f'"{claim["upload"]}-{number}"'})


async def complete(request: Request) -> Response:
    """All parts are here: put them together."""
    claim = _claim(request, _PARTS)
    asked = fields(await json_body(request))
    if asked.get("oid") != claim["oid"]:
        raise Invalid("the upload is of another object")
    folder = _folder(request, claim)
    paths = [folder / f"part-{number}" for number in range(1, _part_count(claim["size"]) + 1)]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise Invalid(f"{len(missing)} parts have not arrived, the first of them {missing[0]}", hint="send them again")
    answer = await to_thread.run_sync(_receive, request, claim, paths, limiter=LANDINGS.get(request))
    await to_thread.run_sync(lambda: rmtree(folder, ignore_errors=True))
    return answer


def _folder(request: Request, claim: dict[str, Any]) -> Path:
    return hub(request).spool / f"parts-{claim['upload']}"


def _receive(request: Request, claim: dict[str, Any], paths: list[Path]) -> Response:
    with ExitStack() as files:
        source = JoinedSource([files.enter_context(FileSource(path)) for path in paths])
        if source.size != claim["size"]:
            raise Invalid(f"{source.size} bytes came, not the {claim['size']} that were announced")
        publish.receive(hub(request).services, claim["user"], source, claim["oid"])
    return JSONResponse({})


_BATCH: Final = "/{namespace}/{name}.git/info/lfs/objects/batch"

routes = [
    Route(f"/{{type:kind}}{_BATCH}", with_json(batch), methods=["POST"]),
    Route(_BATCH, with_json(batch), methods=["POST"]),
    Route("/lfs/upload/{claim}", upload, methods=["PUT"]),
    Route("/lfs/parts/{claim}/{number:int}", upload_part, methods=["PUT"]),
    Route("/lfs/parts/{claim}", complete, methods=["POST"]),
]
