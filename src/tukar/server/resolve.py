"""Files: ``/{namespace}/{name}/resolve/{revision}/{path}``."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tukar.catalog import rights
from tukar.catalog.values import Entry, Repository
from tukar.errors import EntryNotFound
from tukar.server import errors
from tukar.server.requests import PLURALS, base_url, hub, identity, param, repo_id
from tukar.server.streams import PiecesResponse, parse_range
from tukar.usecases import fetch
from tukar.usecases.fetch import Found

# Nothing that a repository holds may run in the hub's origin. No CORS headers: what is public on a hub inside a company
# is public there, not to every web page that somebody there opens.
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; sandbox",
    "Accept-Ranges": "bytes",
}
_IMAGES: Final = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp", "svg": "svg+xml"}
_TEXT: Final = frozenset({"md", "txt", "json", "jsonl", "yaml", "yml", "py", "csv", "tsv", "toml", "jinja", "cfg"})


def resolve(request: Request) -> Response:
    """HEAD and GET of a file, ranges and conditions included."""
    who, where, path = identity(request), repo_id(request), param(request, "path")
    found = fetch.find(hub(request).services, who, where, param(request, "revision"), path)
    commit = {"X-Repo-Commit": found.commit.oid}
    if found.entry is None or found.entry.kind == "folder":
        missing = EntryNotFound(f"{where} has no file {path!r} at {found.commit.oid[:12]}")
        return errors.response(missing, commit)
    return content(request, found, found.entry)


def content(request: Request, found: Found, entry: Entry) -> Response:
    """A file that was found, or the part of it that is asked for."""
    commit = {"X-Repo-Commit": found.commit.oid}
    headers = _SAFE | commit | _describe(request, found.repository, found.commit.oid, entry)
    if _is_current(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return _content(request, entry, headers)


def _content(request: Request, entry: Entry, headers: dict[str, str]) -> Response:
    wanted = request.headers.get("range")
    if request.headers.get("if-range") not in (None, headers["ETag"]):
        wanted = None  # the client has another file's beginning: send the whole
    span = parse_range(wanted, entry.size)
    start, stop = span or (0, entry.size)
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{entry.size}"
    reader = fetch.open_entry(hub(request).services, entry)
    return PiecesResponse(reader.stream(start, stop), stop - start, 206 if span else 200, headers)


def _describe(request: Request, repository: Repository, commit: str, entry: Entry) -> dict[str, str]:
    name = entry.path.rpartition("/")[2]
    plain = errors.header_text(name).replace('"', "'").replace("\\", "_")
    headers = {
        "ETag": f'"{entry.sha256 if entry.lfs else entry.oid}"',
        "Content-Type": _content_type(name),
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}; filename=\"{plain}\"",
    }
    if entry.lfs and entry.sha256 is not None:
        headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(entry.size)}
        headers |= _xet(request, repository, commit, entry.sha256)
    return headers


def _xet(request: Request, repository: Repository, commit: str, sha256: str) -> dict[str, str]:
    services = hub(request).services
    with services.database.read() as tx:
        found = services.xorbs.hash_of(tx, [sha256], rights.writers(repository)).get(sha256)
    if found is None:
        return {}
    route = f"{base_url(request)}/api/{PLURALS[repository.type]}/{repository}/xet-read-token/{commit}"
    return {"X-Xet-Hash": str(found), "Link": f'<{route}>; rel="xet-auth"', "X-Xet-Refresh-Route": route}


def _content_type(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    if ending in _IMAGES:
        return f"image/{_IMAGES[ending]}"
    return "text/plain; charset=utf-8" if ending in _TEXT else "application/octet-stream"


def _is_current(if_none_match: str | None, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]


_PLACE: Final = "{namespace}/{name}/resolve/{revision}/{path:path}"

routes = [
    Route(f"/{{type:kind}}/{_PLACE}", resolve, methods=["GET", "HEAD"]),
    Route(f"/{_PLACE}", resolve, methods=["GET", "HEAD"]),
]
