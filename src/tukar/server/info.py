"""What a repository holds: information, trees, paths, refs, commits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog import cards, git, repositories, revisions, rights, trees
from tukar.catalog.repositories import Cursor
from tukar.catalog.values import Commit, Entry, Repository
from tukar.database import Transaction
from tukar.errors import Invalid, Unsupported
from tukar.server.requests import PLURALS, base_url, flag, hub, identity, param, repo_id, with_body
from tukar.types import RepoType
from tukar.usecases import describe
from tukar.usecases.commit import writable

_TREE_PAGE: Final = 1000
_EXPANDED_PAGE: Final = 50
_COMMITS_PAGE: Final = 50
_LIST_PAGE: Final = 1000
_FORM_LIMIT: Final = 4 << 20
_FORM_FIELDS: Final = 10_000


def date(seconds: float) -> str:
    """A time as the clients parse it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def info(request: Request) -> Response:
    """A repository at a revision."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    revision = param(request, "revision") if "revision" in request.path_params else revisions.DEFAULT_BRANCH
    with services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        commit = revisions.resolve(tx, repository, revision)
        entries = _files(tx, repository, commit)
        used = repositories.used_storage(tx, [repository])[repository.id]
    value = _summary(repository) | {"sha": commit.oid, "lastModified": date(commit.created_at), "usedStorage": used}
    value["siblings"] = [_sibling(entry, blobs=flag(request.query_params.get("blobs"))) for entry in entries]
    value |= describe.weights(services, entries)
    if flag(request.query_params.get("securityStatus")):
        value["securityRepoStatus"] = {"scansDone": False, "filesWithIssues": []}
    return JSONResponse(_expanded(request, value))


def _expanded(request: Request, value: dict[str, Any]) -> dict[str, Any]:
    wanted = set(request.query_params.getlist("expand"))
    if not wanted:
        return value
    everything = value | {"xetEnabled": True, "downloadsAllTime": 0, "inference": None}
    return {key: everything[key] for key in everything if key in wanted | {"_id", "id"}}


def _summary(repository: Repository) -> dict[str, Any]:
    """What listings and pages on one repository have in common."""
    card = cards.from_json(repository.card)
    tags = [*card.tags, *([f"license:{card.license}"] if card.license else [])]
    tags += [f"base_model:{base}" for base in card.base_model] + [f"dataset:{name}" for name in card.datasets]
    return {
        "_id": f"{repository.id:024x}",
        "id": str(repository),
        "modelId": str(repository),
        "author": repository.namespace,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "createdAt": date(repository.created_at),
        "lastModified": date(repository.updated_at),
        "downloads": 0,
        "likes": 0,
        "tags": tags,
        "pipeline_tag": card.pipeline_tag,
        "library_name": card.library_name,
        "cardData": dict(card.metadata) or None,
        "baseModels": list(card.base_model),
        "config": None,
    }


def _files(tx: Transaction, repository: Repository, commit: Commit) -> list[Entry]:
    listed = trees.listing(tx, repository.id, commit.tree_oid, recursive=True)
    return [entry for entry in listed if entry.kind == "file"]


def _sibling(entry: Entry, *, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": entry.path}
    value: dict[str, Any] = {"rfilename": entry.path, "size": entry.size, "blobId": entry.oid}
    if entry.lfs:
        value["lfs"] = {"size": entry.size, "sha256": entry.sha256, "pointerSize": _pointer_size(entry)}
    return value


def _pointer_size(entry: Entry) -> int:
    return len(git.lfs_pointer(entry.sha256 or "", entry.size))


def tree(request: Request) -> Response:
    """The files and folders of a revision, or of a folder in it."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    query = request.query_params
    path = param(request, "path").strip("/") if "path" in request.path_params else ""
    expand = flag(query.get("expand"))
    with services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        commit = revisions.resolve(tx, repository, param(request, "revision"))
        listed = trees.listing(tx, repository.id, commit.tree_oid, path, recursive=flag(query.get("recursive")))
        page, headers = page_of(request, listed, _EXPANDED_PAGE if expand else _TREE_PAGE)
        entries = _entries(request, tx, repository, page, commit if expand else None)
    return JSONResponse(entries, headers=headers)


async def paths_info(request: Request) -> Response:
    """Those of the paths in the form that exist."""
    if request.headers.get("content-type", "").startswith("application/json"):
        raise Unsupported("paths-info takes a form", hint="send paths=...&paths=... url-encoded")
    await to_thread.run_sync(identity, request)
    return await with_body(request, _FORM_LIMIT, lambda data: _paths_info(request, data))


def _paths_info(request: Request, data: bytes) -> Response:
    services, who, where = hub(request).services, identity(request), repo_id(request)
    form = _form(data)
    paths = [value.strip("/") for key, value in form if key == "paths"]
    expand = any(key == "expand" and flag(value) for key, value in form)
    with services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        commit = revisions.resolve(tx, repository, param(request, "revision"))
        found = trees.find(tx, repository.id, commit.tree_oid, [path for path in paths if path])
        return JSONResponse(_entries(request, tx, repository, found.values(), commit if expand else None))


def _form(data: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(data.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS)
    except ValueError as error:
        raise Invalid(f"not a form of at most {_FORM_FIELDS} fields in UTF-8: {error}") from None


def _entries(
    request: Request, tx: Transaction, repository: Repository, entries: Iterable[Entry], last: Commit | None
) -> list[dict[str, Any]]:
    """Entries as the protocol writes them; with ``last``, that commit as the one that touched each last."""
    listed = list(entries)
    sha256s = [entry.sha256 for entry in listed if entry.sha256 and entry.lfs]
    xet = hub(request).services.xorbs.hash_of(tx, sha256s, rights.writers(repository))
    extra = {"lastCommit": {"id": last.oid, "title": last.title, "date": date(last.created_at)}} if last else {}
    return [_entry(entry, xet.get(entry.sha256 or "")) | extra for entry in listed]


def _entry(entry: Entry, xet_hash: object) -> dict[str, Any]:
    if entry.kind == "folder":
        return {"type": "directory", "path": entry.path, "oid": entry.oid, "size": 0}
    value: dict[str, Any] = {"type": "file", "path": entry.path, "size": entry.size, "oid": entry.oid}
    if entry.lfs:
        value["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": _pointer_size(entry)}
    if xet_hash is not None:
        value["xetHash"] = str(xet_hash)
    return value


def refs(request: Request) -> Response:
    """The branches."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    with services.database.read() as tx:
        found = revisions.refs(tx, repositories.get(tx, who, where))
    value: dict[str, Any] = {"branches": [], "converts": [], "tags": []}
    for ref in found:
        kind = "tags" if ref.name.startswith("refs/tags/") else "branches"
        name = ref.name.removeprefix("refs/heads/").removeprefix("refs/tags/")
        value[kind].append({"name": name, "ref": ref.name, "targetCommit": ref.commit_oid})
    if flag(request.query_params.get("include_prs")):
        value["pullRequests"] = []
    return JSONResponse(value)


def commits(request: Request) -> Response:
    """The history of a revision, newest first."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    limit, page = page_limit(request.query_params.get("limit"), _COMMITS_PAGE), _offset(request.query_params.get("p"))
    with services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        commit = revisions.resolve(tx, repository, param(request, "revision"))
        found = revisions.history(tx, repository, commit, skip=page * limit, limit=limit + 1)
    more = {"p": str(page + 1)} if len(found) > limit else None
    return JSONResponse([_commit(item) for item in found[:limit]], headers=next_page(request, more))


def _commit(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.message,
        "date": date(commit.created_at),
        "authors": [{"user": commit.author}],
        "formatted": {"title": commit.title, "message": commit.message},
    }


def listing(request: Request) -> Response:
    """The repositories of a type that the asker may read, newest first."""
    services, who, query = hub(request).services, identity(request), request.query_params
    known = {"search", "author", "limit", "cursor", "full", "cardData", "config", "sort", "direction", "expand"}
    for name in query:
        if name not in known:
            raise Unsupported(f"this hub does not filter repositories by {name!r} yet")
    if query.get("sort", "lastModified") not in ("lastModified", "createdAt", "last_modified", "created_at"):
        raise Unsupported(f"this hub does not sort by {query['sort']!r} yet", hint="sort by lastModified or createdAt")
    order: repositories.Order = "created_at" if "created" in query.get("sort", "").lower() else "updated_at"
    limit = page_limit(query.get("limit"), _LIST_PAGE)
    kind: RepoType = {plural: kind for kind, plural in PLURALS.items()}[request.path_params["type"]]
    with services.database.read() as tx:
        found = repositories.listing(
            tx,
            who,
            kind,
            author=query.get("author"),
            search=query.get("search"),
            order=order,
            after=_cursor(query.get("cursor")),
            limit=limit + 1,
        )
    more = None
    if len(found) > limit:
        last = repositories.cursor(found[limit - 1], order)
        more = {"cursor": f"{last.time:.9f}:{last.id}"}
    return JSONResponse([_summary(item) | {"sha": None} for item in found[:limit]], headers=next_page(request, more))


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,12}\.[0-9]{1,20}):([0-9]{1,18})", text)
    if match is None:
        raise Invalid(f"not a cursor: {text[:100]!r}")
    return Cursor(float(match[1]), int(match[2]))


def page_limit(text: str | None, largest: int) -> int:
    """How many of a list a page has at most, as the query says it."""
    if text is None:
        return largest
    if not text.isascii() or not text.isdigit() or not int(text[:9]):
        raise Invalid(f"not a limit: {text[:100]!r}")
    return min(int(text[:9]), largest)


def _offset(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit():
        raise Invalid(f"not a page: {text[:100]!r}")
    return int(text[:15])


_T = TypeVar("_T")


def page_of(request: Request, listed: Sequence[_T], largest: int = _TREE_PAGE) -> tuple[Sequence[_T], dict[str, str]]:
    """What of a list the query asks for, and the headers that lead on."""
    limit, start = page_limit(request.query_params.get("limit"), largest), _offset(request.query_params.get("cursor"))
    more = {"cursor": str(start + limit)} if start + limit < len(listed) else None
    return listed[start : start + limit], next_page(request, more)


def next_page(request: Request, more: dict[str, str] | None) -> dict[str, str]:
    """The header that leads on to the next page, whose query differs by ``more``; none if that is None."""
    if more is None:
        return {}
    query = [(key, value) for key, value in request.query_params.multi_items() if key not in more]
    return {"Link": f'<{base_url(request)}{request.scope["path"]}?{urlencode([*query, *more.items()])}>; rel="next"'}


def auth_check(request: Request) -> Response:
    """Whether the asker may read the repository."""
    services, who, where = hub(request).services, identity(request), repo_id(request)
    with services.database.read() as tx:
        repositories.get(tx, who, where)
    return JSONResponse({})


def auth_check_write(request: Request) -> Response:
    """Whether the asker may write to the repository."""
    with hub(request).services.database.read() as tx:
        writable(tx, identity(request), repo_id(request))
    return JSONResponse({})


_REPO: Final = "/api/{type:kind}/{namespace}/{name}"

routes = [
    Route("/api/{type:kind}", listing),
    Route(_REPO, info),
    Route(f"{_REPO}/revision/{{revision}}", info),
    Route(f"{_REPO}/tree/{{revision}}", tree),
    Route(f"{_REPO}/tree/{{revision}}/{{path:path}}", tree),
    Route(f"{_REPO}/paths-info/{{revision}}", paths_info, methods=["POST"]),
    Route(f"{_REPO}/refs", refs),
    Route(f"{_REPO}/commits/{{revision}}", commits),
    Route(f"{_REPO}/auth-check", auth_check),
    Route(f"{_REPO}/auth-check/write", auth_check_write),
]
