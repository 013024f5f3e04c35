"""Make and delete repositories; who am I."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog import rights, tokens
from tukar.catalog.values import Identity, Repository
from tukar.errors import Invalid
from tukar.server import checks, errors
from tukar.server.requests import (
    PLURALS,
    base_url,
    bearer,
    boolean,
    fields,
    hub,
    identity,
    repo_type,
    text,
    with_json,
)
from tukar.types import RepoId, check_name, check_namespace
from tukar.usecases import repositories
from tukar.usecases.accounts import require_user


def whoami(request: Request) -> Response:
    """The user of the token."""
    who = identity(request)
    user = require_user(who)
    with hub(request).services.database.read() as tx:
        token = tokens.describe(tx, bearer(request) or "")
    value: dict[str, Any] = {
        "type": "user",
        "id": f"{user.id:024x}",
        "name": user.name,
        "fullname": user.fullname or user.name,
        "email": user.email,
        "emailVerified": False,
        "canPay": False,
        "isPro": False,
        "isAdmin": rights.may_administer(who),
        "orgs": [],
        "auth": {"type": "access_token", "accessToken": {"displayName": token.name, "role": token.role}},
    }
    return JSONResponse(value)


def create(request: Request, value: Any) -> Response:
    """Make a repository. Where it exists, 409 with its address, so that clients can go on."""
    who, asked = identity(request), fields(value)
    where = _repo_id(who, asked)
    private = asked.get("visibility") == "private" or boolean(asked.get("private"), "private")
    if asked.get("visibility") not in (None, "public", "private"):
        raise Invalid(f"not a visibility: {str(asked['visibility'])[:100]!r}", hint="use public or private")
    try:
        made = repositories.create(hub(request).services, who, where, private=private)
    except repositories.RepositoryExists as error:
        answer = {"error": error.message, "url": url(request, error.repository)}
        headers = {"X-Error-Message": errors.header_text(error.message)}
        return JSONResponse(answer, 409, headers)
    return JSONResponse({"url": url(request, made), "name": str(made), "id": f"{made.id:024x}"})


def delete(request: Request, value: Any) -> Response:
    """Delete a repository."""
    who = identity(request)
    repositories.delete(hub(request).services, who, _repo_id(who, fields(value)))
    return JSONResponse({})


def _repo_id(who: Identity, asked: dict[str, Any]) -> RepoId:
    name, namespace = text(asked.get("name"), "name"), asked.get("organization")
    if "/" in name and namespace is None:
        namespace, _, name = name.partition("/")
    if namespace is None:
        namespace = require_user(who).name
    return RepoId(check_namespace(text(namespace, "organization")), check_name(name), repo_type(asked.get("type")))


def url(request: Request, repository: Repository) -> str:
    """A repository's address."""
    prefix = "" if repository.type == "model" else f"/{PLURALS[repository.type]}"
    return f"{base_url(request)}{prefix}/{repository}"


routes = [
    Route("/api/whoami-v2", whoami),
    Route("/api/repos/create", with_json(create, check=checks.user), methods=["POST"]),
    Route("/api/repos/delete", with_json(delete, check=checks.user), methods=["DELETE"]),
]
