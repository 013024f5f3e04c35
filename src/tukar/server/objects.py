"""Objects of repositories, for people who push and pull (docs/design/transfer.md).

Reading is for who may read the repository, and of its files alone. Writing is for who may write to it; what it says of
what is here follows from what they sent and may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog import possessions, repositories, revisions, trees
from tukar.catalog.values import Entry
from tukar.errors import Invalid, TukarError
from tukar.exchange.local import Announced, LocalSource
from tukar.exchange.remote import STREAM, Wanted
from tukar.exchange.transfer import PORTION
from tukar.objects.scopes import manifests_of, places_within
from tukar.server import errors
from tukar.server.bodies import taken
from tukar.server.checks import writer
from tukar.server.exchange import bases_value, digests, start
from tukar.server.info import page_of
from tukar.server.limits import ARRIVALS, LANDINGS
from tukar.server.requests import (
    fields,
    hub,
    identity,
    items,
    param,
    parse_json,
    repo_id,
    text,
    whole_number,
    with_body,
    with_json,
)
from tukar.server.streams import PiecesResponse
from tukar.types import Digest
from tukar.usecases import hand_over, upload
from tukar.usecases.upload import Upload

_FILES_LIMIT: Final = 1000
_JSON_LIMIT: Final = 1 << 20
_HEADERS: Final = 64 << 20  # bytes of records and tables that a portion may have beside its stored blocks


def files(request: Request) -> Response:
    """The files of a revision, each with the object that says what it is made of."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    with services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        commit = revisions.resolve(tx, repository, param(request, "revision"))
        listed = trees.listing(tx, repository.id, commit.tree_oid, recursive=True)
        page, headers = page_of(request, [entry for entry in listed if entry.kind == "file"])
        manifests = manifests_of(tx, {entry.sha256 for entry in page if entry.sha256})
    return JSONResponse([_file(entry, manifests) for entry in page], headers=headers)


def _file(entry: Entry, manifests: Mapping[str, Digest]) -> dict[str, Any]:
    sha256 = entry.sha256 or ""
    value = {"type": "file", "path": entry.path, "size": entry.size, "oid": entry.oid, "sha256": sha256}
    value["manifest"] = str(manifests[sha256])
    return value | ({"lfs": {"oid": sha256, "size": entry.size}} if entry.lfs else {})


def read(request: Request, value: Any) -> Response:
    """Objects of the repository's files, in their stored form."""
    asked = fields(value)
    pieces = _source(request).give(digests(asked, "objects"), start(asked.get("start")), digests(asked, "differences"))
    return PiecesResponse(pieces, None, headers={"Content-Type": STREAM})


def bases(request: Request, value: Any) -> Response:
    """Which of these objects are stored as differences, to what, and in which files that may be read that is."""
    found = _source(request).bases(digests(fields(value), "objects"))
    services, who = hub(request).services, identity(request)
    with services.database.read() as tx:
        held = places_within(tx, {base for of in found.values() for base in of}, partial(possessions.in_reach, who))
    files = [{"object": str(each), "sha256": sha256, "start": at} for each, sha256, at in held]
    return JSONResponse(bases_value(found) | {"files": files})


def _source(request: Request) -> LocalSource:
    """The objects of the repository's files."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    with services.database.read() as tx:
        repository = repositories.get(tx, who, where)
    known = partial(possessions.in_reach, who)
    return hand_over.source(services, lambda file_id: possessions.is_held(repository.id, file_id), known)


def missing(request: Request, value: Any) -> Response:
    """What of these objects has to be sent; the rest is kept for this upload."""
    under_way, asked = _upload(request), fields(value)
    named = digests(asked, "objects")
    wanted = under_way.destination.missing(named) if named else Wanted(())
    started = wanted.start and {"record": str(wanted.start.record), "stored": wanted.start.stored}
    limit = hub(request).config.upload_limit
    return JSONResponse({"objects": [str(digest) for digest in wanted.objects], "start": started, "limit": limit})


async def write(request: Request) -> Response:
    """A stream of objects. What came stays, however it ends."""
    under_way = await to_thread.run_sync(_upload, request)
    limit = max(hub(request).config.upload_limit, PORTION) + _HEADERS

    def take(pieces: Iterator[bytes]) -> None:
        under_way.destination.write(pieces, None)

    try:
        await taken(request, limit, take, ARRIVALS.get(request))
    except TukarError as error:
        answer = await errors.on_tukar_error(request, error)
        answer.headers["Connection"] = "close"  # the rest of the body is not waited for
        return answer
    return JSONResponse({})


async def make(request: Request) -> Response:
    """Files of the objects that were sent; answered once they are whole, and verified."""
    await to_thread.run_sync(writer, request)
    return await with_body(request, _JSON_LIMIT, lambda data: _make(request, data), work=LANDINGS)


def _make(request: Request, data: bytes) -> Response:
    under_way = _upload(request)
    announced = [_announced(item) for item in items(fields(parse_json(data)).get("files"), "files")]
    limit = hub(request).config.upload_limit
    if len(announced) > _FILES_LIMIT:
        raise Invalid(f"more than {_FILES_LIMIT} files at once")
    if any(file.size > limit for file in announced):
        raise Invalid(f"this hub takes files of at most {limit} bytes")
    upload.make(hub(request).services, under_way, announced)
    return JSONResponse({})


def end(request: Request) -> Response:
    """Forget what came for this upload and is in no file."""
    upload.end(hub(request).services, _upload(request))
    return JSONResponse({})


def _upload(request: Request) -> Upload:
    name = param(request, "upload")
    who, where, services = identity(request), repo_id(request), hub(request).services
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        raise Invalid(f"not the name of an upload, which has 64 hex digits: {name[:80]!r}")
    return upload.resume(services, who, where, name)


def _announced(value: object) -> Announced:
    item = fields(value, "a file")
    sha256 = text(item.get("sha256"), "sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Invalid(f"not a sha256 of 64 lower-case hex digits: {sha256[:80]!r}")
    return Announced(
        sha256, whole_number(item.get("size"), "size"), Digest.parse(text(item.get("manifest"), "manifest"))
    )


_OBJECTS: Final = "/api/{type:kind}/{namespace}/{name}/objects"

routes = [
    Route(f"{_OBJECTS}/files/{{revision}}", files),
    Route(f"{_OBJECTS}/read", with_json(read), methods=["POST"]),
    Route(f"{_OBJECTS}/bases", with_json(bases), methods=["POST"]),
    Route(f"{_OBJECTS}/uploads/{{upload}}/missing", with_json(missing, check=writer), methods=["POST"]),
    Route(f"{_OBJECTS}/uploads/{{upload}}/write", write, methods=["POST"]),
    Route(f"{_OBJECTS}/uploads/{{upload}}/files", make, methods=["POST"]),
    Route(f"{_OBJECTS}/uploads/{{upload}}", end, methods=["DELETE"]),
]
