"""Uploads that end in a commit: what goes where (preupload), and the commit itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog import cards, revisions, trees
from tukar.catalog.operations import DeleteFile, DeleteFolder
from tukar.errors import Conflict, EntryNotFound, Invalid, Unsupported
from tukar.objects.damage import damaged_files
from tukar.objects.index import FreedMeanwhile
from tukar.objects.sources import FileSource, SliceSource
from tukar.server.checks import writer
from tukar.server.errors import PreconditionFailed
from tukar.server.limits import LANDINGS
from tukar.server.repos import url
from tukar.server.requests import (
    fields,
    flag,
    hub,
    identity,
    items,
    param,
    parse_json,
    repo_id,
    spooled,
    text,
    whole_number,
    with_json,
)
from tukar.storage.oserrors import os_errors_unavailable
from tukar.types import check_path
from tukar.usecases import commit
from tukar.usecases.commit import Change, LargeFile, RegularFile, writable

_REGULAR_LIMIT: Final = 10 << 20  # larger files go through LFS or Xet
_CARD_LIMIT: Final = 2 * _REGULAR_LIMIT  # a refusal here would stop the upload
_LINE_LIMIT: Final = 2 * _REGULAR_LIMIT  # base64, and what is around it
_BODY_LIMIT: Final = 4 << 30
_FILES_LIMIT: Final = 10_000
_OPERATIONS_LIMIT: Final = 100_000
# What the Hub's default .gitattributes sends to LFS.
# fmt: off
_LARGE_ENDINGS: Final = frozenset({
    "7z", "arrow", "avro", "bin", "bz2", "ckpt", "ftz", "gguf", "gz", "h5", "joblib", "lz4", "mds", "mlmodel",
    "model", "msgpack", "npy", "npz", "onnx", "ot", "parquet", "pb", "pickle", "pkl", "pt", "pth", "rar",
    "safetensors", "tar", "tflite", "tgz", "wasm", "xz", "zip", "zst",
})
# fmt: on
_PULL_REQUESTS: Final = "this hub has no pull requests yet"


def preupload(request: Request, value: Any) -> Response:
    """For each file whether it comes with the commit (``regular``) or before it (``lfs``), and what is there now."""
    if flag(request.query_params.get("create_pr")):
        raise Unsupported(_PULL_REQUESTS, hint="commit to 'main'")
    who, where, services = identity(request), repo_id(request), hub(request).services
    files = [fields(item, "a file") for item in items(fields(value).get("files"), "files")]
    if len(files) > _FILES_LIMIT:
        raise Invalid(f"more than {_FILES_LIMIT} files at once")
    with services.database.read() as tx:
        repository, _ = writable(tx, who, where)
        tip = revisions.resolve(tx, repository, param(request, "revision"))
        paths = [check_path(text(item.get("path"), "path")) for item in files]
        present = trees.find(tx, repository.id, tip.tree_oid, paths)
        damaged = damaged_files(tx, {entry.sha256 for entry in present.values() if entry.sha256})
    answer = []
    for path, item in zip(paths, files, strict=True):
        mode = _mode(path, whole_number(item.get("size"), "size"), item.get("sample"))
        entry = present.get(path)
        oid = None
        # Clients do not send a file whose oid they are told; one that is damaged has to be sent.
        if entry is not None and entry.kind == "file" and entry.sha256 not in damaged:
            oid = entry.sha256 if entry.lfs else entry.oid
        answer.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return JSONResponse({"files": answer})


def _mode(path: str, size: int, sample: object) -> str:
    if size == 0:
        return "regular"
    if size > _REGULAR_LIMIT or path.rpartition(".")[2].lower() in _LARGE_ENDINGS:
        return "lfs"
    try:
        start = base64.b64decode(sample, validate=True) if isinstance(sample, str) else b""
    except ValueError:
        raise Invalid("'sample' is not base64") from None
    return "lfs" if b"\x00" in start else "regular"


async def commit_endpoint(request: Request) -> Response:
    """Make a commit from lines of JSON: a header, then the operations."""
    if flag(request.query_params.get("create_pr")):
        raise Unsupported(_PULL_REQUESTS, hint="commit to 'main'")
    await to_thread.run_sync(writer, request)
    async with spooled(request, _BODY_LIMIT) as path:
        return await to_thread.run_sync(_commit, request, path, limiter=LANDINGS.get(request))


def _commit(request: Request, path: Path) -> Response:
    contents = path.with_name(f"{path.name}.contents")
    try:
        with os_errors_unavailable("take in a commit"), path.open("rb") as lines, contents.open("wb") as sink:
            header, operations = _parse(lines, sink)
        with FileSource(contents) as source:
            changes = [_change(key, value, source) for key, value in operations]
            return _finish(request, header, changes)
    finally:
        contents.unlink(missing_ok=True)


def _finish(request: Request, header: dict[str, Any], changes: list[Change]) -> Response:
    parent = header.get("parentCommit")
    asked = commit.Request(
        changes,
        title=text(header.get("summary") or header.get("title"), "summary"),
        message=text(header.get("description") or "", "description"),
        branch=param(request, "revision"),
        parent=None if parent is None else text(parent, "parentCommit"),
    )
    try:
        repository, made = commit.commit(hub(request).services, identity(request), repo_id(request), asked)
    except EntryNotFound as error:
        # Stock clients look for this very sentence.
        raise EntryNotFound(f"A file with this name doesn't exist: {error.message}", hint=error.hint) from error
    except Conflict as error:
        if asked.parent is None or isinstance(error, FreedMeanwhile):
            raise
        raise PreconditionFailed(error.message, hint=error.hint) from error
    address = f"{url(request, repository)}/commit/{made.oid}"
    return JSONResponse({"success": True, "commitOid": made.oid, "commitUrl": address, "hookOutput": ""})


Operation = tuple[str, dict[str, Any]]


def _parse(lines: BinaryIO, contents: BinaryIO) -> tuple[dict[str, Any], list[Operation]]:
    """The header and the operations; the bytes of regular files go to ``contents``, one after another."""
    header: dict[str, Any] | None = None
    operations: list[Operation] = []
    for key, value in _lines(lines):
        if len(operations) == _OPERATIONS_LIMIT:
            raise Invalid(f"a commit has more than {_OPERATIONS_LIMIT} operations", hint="make several commits")
        if key == "header":
            header = value
        elif key == "file":
            operations.append((key, _take_content(value, contents)))
        elif key in ("lfsFile", "deletedFile", "deletedFolder"):
            operations.append((key, value))
        else:
            raise Unsupported(f"this hub does not know the operation {key[:100]!r} in a commit")
    if header is None:
        raise Invalid("a commit needs a line with its header")
    return header, operations


def _lines(lines: BinaryIO) -> Iterator[tuple[str, dict[str, Any]]]:
    while line := lines.readline(_LINE_LIMIT + 1):
        if len(line) > _LINE_LIMIT:
            raise Invalid(f"a line of a commit has more than {_LINE_LIMIT} bytes", hint="upload large files with LFS")
        if line.strip():
            item = fields(parse_json(line), "a line of the commit")
            yield text(item.get("key"), "key"), fields(item.get("value"), "the value in a line of the commit")


def _take_content(value: dict[str, Any], contents: BinaryIO) -> dict[str, Any]:
    content, encoding = text(value.get("content"), "content"), value.get("encoding", "utf-8")
    if encoding not in ("utf-8", "base64"):
        raise Invalid(f"not an encoding of content: {str(encoding)[:40]!r}", hint="use base64 or utf-8")
    try:
        data = base64.b64decode(content, validate=True) if encoding == "base64" else content.encode()
    except ValueError as error:
        raise Invalid(f"the content of {str(value.get('path'))[:200]!r} is not base64: {error}") from None
    start = contents.tell()
    contents.write(data)
    return {"path": value.get("path"), "start": start, "stop": start + len(data)}


def _change(key: str, value: dict[str, Any], contents: FileSource) -> Change:
    path = text(value.get("path"), "path")
    match key:
        case "file":
            return RegularFile(path, SliceSource(contents, value["start"], value["stop"]))
        case "lfsFile":
            if value.get("size") is None:
                raise Unsupported("this hub does not copy files on the server yet", hint="upload the file")
            if value.get("algo", "sha256") != "sha256":
                raise Unsupported(f"this hub knows files by their sha256 only, not {str(value['algo'])[:40]!r}")
            return LargeFile(path, text(value.get("oid"), "oid"), whole_number(value["size"], "size"))
        case "deletedFolder":
            return DeleteFolder(path.rstrip("/"))
        case _:
            return DeleteFolder(path.rstrip("/")) if path.endswith("/") else DeleteFile(path)


def validate_yaml(request: Request, value: Any) -> Response:
    """Asked before any upload of a card: what is wrong with its metadata. Warnings only: it refuses nothing yet."""
    card = cards.parse(text(fields(value).get("content"), "content"))
    return JSONResponse({"errors": [], "warnings": [{"message": error} for error in card.errors]})


_REPO: Final = "/api/{type:kind}/{namespace}/{name}"

routes = [
    Route(f"{_REPO}/preupload/{{revision}}", with_json(preupload, check=writer), methods=["POST"]),
    Route(f"{_REPO}/commit/{{revision}}", commit_endpoint, methods=["POST"]),
    Route("/api/validate-yaml", with_json(validate_yaml, _CARD_LIMIT, lambda _: None), methods=["POST"]),
]
