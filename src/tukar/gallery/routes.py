"""The routes of the pages. They come last in the app: ``/{namespace}/{name}`` matches whatever has two parts.

Visitors see what they may read: what is public, and more once they have logged in. Paths arrive as they were sent,
percent-encoded.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tukar import errors
from tukar.catalog.revisions import DEFAULT_BRANCH
from tukar.gallery import commands, listing, logins, model, operations, pages, receipts, relations, storage, visits
from tukar.gallery.replies import headers, html, shown
from tukar.types import RepoId, check_namespace

_MAX_SEARCH: Final = 200


@shown
def models(request: Request) -> Response:
    """The list of models."""
    search = request.query_params.get("search", "").replace("\x00", "").strip()[:_MAX_SEARCH]
    cursor = request.query_params.get("cursor", "")
    frame, services = visits.frame(request), visits.hub(request).services
    view = listing.models(services, visits.identity(request), visits.endpoint(request), search=search, cursor=cursor)
    return html(pages.models_page(view, frame), frame)


@shown
def show(request: Request) -> Response:
    """One model, at ``main`` or at the revision in the path."""
    frame = visits.frame(request)
    view = model.model(
        visits.hub(request).services,
        visits.identity(request),
        visits.endpoint(request),
        repo_id(request),
        parameter(request, "revision", DEFAULT_BRANCH),
        focus=request.query_params.get("tensors") or None,
        start=_number(request.query_params.get("from", "0")),
    )
    return html(pages.model_page(view, frame), frame)


@shown
def receipt(request: Request) -> Response:
    """A receipt that speaks of a model, to be kept as a file."""
    frame, swap = visits.frame(request), parameter(request, "swap")
    envelope = receipts.receipt(visits.hub(request).services, visits.identity(request), repo_id(request), swap)
    named = {"Content-Disposition": f'attachment; filename="{commands.receipt_name(swap)}"'}
    return Response(envelope.encode(), media_type="application/json", headers=headers(frame) | named)


def parameter(request: Request, name: str, default: str = "") -> str:
    """A path parameter, unquoted; Invalid if it is not UTF-8."""
    try:
        return unquote(request.path_params.get(name, default), errors="strict")
    except UnicodeDecodeError:
        raise errors.Invalid("the address is not UTF-8") from None


def repo_id(request: Request) -> RepoId:
    """The model in the path; RepoNotFound if none can have that name."""
    namespace, name = parameter(request, "namespace"), parameter(request, "name")
    try:
        check_namespace(namespace)
    except errors.Invalid:
        # A part of the hub that is for programs, and not there: they expect another answer than a page.
        raise HTTPException(404) from None
    try:
        return RepoId.parse(f"{namespace}/{name}")
    except errors.Invalid as error:
        raise errors.RepoNotFound(f"there is no model {namespace}/{name}", hint=error.hint) from None


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise errors.Invalid(f"not a number: {text[:100]!r}")
    return int(text)


_MODEL: Final = "/{namespace}/{name}"
_STATIC: Final = StaticFiles(directory=Path(__file__).parent / "static")

routes: Final[list[BaseRoute]] = [
    Mount("/static", _STATIC),
    Route("/", models),
    *logins.routes,
    *relations.routes,
    *operations.routes,
    *storage.routes,
    Route(_MODEL, show),
    # Addresses that Hugging Face's clients print.
    Route(f"{_MODEL}/tree/{{revision}}", show),
    Route(f"{_MODEL}/tree/{{revision}}/{{path:path}}", show),
    Route(f"{_MODEL}/commit/{{revision}}", show),
    Route(f"{_MODEL}/receipts/{{swap}}", receipt),
]
