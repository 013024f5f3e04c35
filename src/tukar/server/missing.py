"""What the Hugging Face Hub has and this hub does not, or not yet: 501, with a message that says so.

And what it does not have either, where clients want a certain answer.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.catalog import repositories
from tukar.errors import RepoNotFound, Unsupported
from tukar.server import errors
from tukar.server.requests import hub, identity, param, repo_id

_REPO: Final = "/api/{type:kind}/{namespace}/{name}"
_ANY: Final = ["GET", "POST", "PUT", "DELETE", "PATCH"]

_READS: Final = ("revision", "tree", "paths-info", "commits", "xet-read-token")
_BRANCHES: Final = "branches beyond 'main'"
_TAGS: Final = "tags"
_DISCUSSIONS: Final = "pull requests and discussions"

_MISSING: Final = (
    (f"{_REPO}/branch/{{branch}}", _BRANCHES),
    (f"{_REPO}/tag/{{tag}}", _TAGS),
    (f"{_REPO}/discussions", _DISCUSSIONS),
    (f"{_REPO}/discussions/{{rest:path}}", _DISCUSSIONS),
    (f"{_REPO}/settings", "settings of repositories"),
    (f"{_REPO}/super-squash/{{branch}}", "squashing of histories"),
    (f"{_REPO}/lfs-files", "lists of LFS files"),
    (f"{_REPO}/lfs-files/{{rest:path}}", "copies on the server"),
    (f"{_REPO}/user-access-request/{{rest:path}}", "gated repositories"),
    (f"{_REPO}/safetensors-metadata/{{rest:path}}", "summaries of safetensors files"),
    ("/api/repos/move", "moving of repositories"),
    ("/api/settings/{rest:path}", "webhooks and settings"),
    ("/oauth/{rest:path}", "logins through the browser"),
)


def _endpoint(what: str) -> object:
    def endpoint(request: Request) -> Response:
        if "namespace" in request.path_params:  # what is not there, or may not be seen, is still that
            with hub(request).services.database.read() as tx:
                repositories.get(tx, identity(request), repo_id(request))
        return errors.response(Unsupported(f"this hub does not have {what} yet"))

    return endpoint


def _no_such_repository(request: Request) -> Response:
    """Names like ``gpt2``, without a namespace: no repository here has one, and clients ask for them by habit."""
    identity(request)
    name = param(request, "name")
    raise RepoNotFound(f"there is no repository {name[:100]!r}", hint="write it as NAMESPACE/NAME")


def _telemetry(_: Request) -> Response:
    """Clients of Xet report how they fared, to the root of the hub; nobody keeps it."""
    return JSONResponse({})


routes = [
    *(Route(path, _endpoint(what), methods=_ANY) for path, what in _MISSING),  # type: ignore[arg-type]
    Route("/v1/telemetry", _telemetry, methods=["POST"]),
    Route("/api/{type:kind}/{name}", _no_such_repository),
    *(Route(f"/api/{{type:kind}}/{{name}}/{verb}/{{rest:path}}", _no_such_repository, methods=_ANY) for verb in _READS),
    Route("/{type:kind}/{name}/resolve/{rest:path}", _no_such_repository),
    Route("/{name}/resolve/{rest:path}", _no_such_repository),
]
