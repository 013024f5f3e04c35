"""The routes of the pages. They come last in the app: ``/{namespace}/{name}`` matches whatever has two parts.

Visitors are anonymous: they see what is public. Paths arrive as they were sent, percent-encoded.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tukar import errors
from tukar.catalog.revisions import DEFAULT_BRANCH
from tukar.catalog.values import ANONYMOUS
from tukar.gallery import commands, exchanging, listing, model, pages, receipts
from tukar.gallery.addresses import Place
from tukar.hub import Hub
from tukar.types import RepoId, check_namespace

_log = logging.getLogger(__name__)

_HEADERS: Final = {
    "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_MAX_SEARCH: Final = 200
# The first that fits.
_STATUS: Final[tuple[tuple[type[errors.TukarError], int], ...]] = (
    (errors.NotFound, 404),
    (errors.Invalid, 400),
    (errors.Refused, 403),
    (errors.Unavailable, 503),
    (errors.TukarError, 500),
)

Page = Callable[[Request], Response]


def error_response(status: int, message: str, hint: str | None = None) -> Response:
    """An error as a page, for whoever serves browsers."""
    return HTMLResponse(pages.error_page(status, message, hint), status, _HEADERS)


def _shown(page: Page) -> Page:
    """The page, or what went wrong as a page."""

    def answer(request: Request) -> Response:
        try:
            return page(request)
        except errors.TukarError as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            if status == 500:
                _log.error("%s: %s", request.url.path, error.message)
            return error_response(status, error.message, error.hint)
        except HTTPException:
            raise
        except Exception:
            _log.exception("a page failed: %s", request.url.path)
            return error_response(500, "the hub could not make this page", "its log says why")

    return answer


def _html(text: str) -> Response:
    return HTMLResponse(text, headers=_HEADERS)


@_shown
def models(request: Request) -> Response:
    """The list of models."""
    search = request.query_params.get("search", "").replace("\x00", "").strip()[:_MAX_SEARCH]
    cursor = request.query_params.get("cursor", "")
    view = listing.models(_hub(request).services, ANONYMOUS, _endpoint(request), search=search, cursor=cursor)
    return _html(pages.models_page(view))


@_shown
def show(request: Request) -> Response:
    """One model, at ``main`` or at the revision in the path."""
    view = model.model(
        _hub(request).services,
        ANONYMOUS,
        _endpoint(request),
        _repo_id(request),
        _parameter(request, "revision", DEFAULT_BRANCH),
        focus=request.query_params.get("tensors") or None,
        start=_number(request.query_params.get("from", "0")),
    )
    return _html(pages.model_page(view))


@_shown
def exchange(request: Request) -> Response:
    """What this hub has to do with others."""
    return _html(pages.exchange_page(exchanging.exchange(_hub(request).services, _endpoint(request))))


@_shown
def receipt(request: Request) -> Response:
    """A receipt that speaks of a model, to be kept as a file."""
    swap = _parameter(request, "swap")
    envelope = receipts.receipt(_hub(request).services, ANONYMOUS, _repo_id(request), swap)
    named = {"Content-Disposition": f'attachment; filename="{commands.receipt_name(swap)}"'}
    return Response(envelope.encode(), media_type="application/json", headers=_HEADERS | named)


@_shown
def file(request: Request) -> Response:
    """The file itself: there is no page on one file."""
    place = Place(str(_repo_id(request)), _parameter(request, "revision"))
    return RedirectResponse(place.file(_parameter(request, "path")), 302)


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


def _endpoint(request: Request) -> str:
    """The hub's address as this visitor sees it."""
    return (_hub(request).config.public_url or str(request.base_url)).rstrip("/")


def _parameter(request: Request, name: str, default: str = "") -> str:
    try:
        return unquote(request.path_params.get(name, default), errors="strict")
    except UnicodeDecodeError:
        raise errors.Invalid("the address is not UTF-8") from None


def _repo_id(request: Request) -> RepoId:
    namespace, name = _parameter(request, "namespace"), _parameter(request, "name")
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
    Route("/exchange", exchange),
    Route(_MODEL, show),
    # Addresses that Hugging Face's clients print.
    Route(f"{_MODEL}/tree/{{revision}}", show),
    Route(f"{_MODEL}/tree/{{revision}}/{{path:path}}", show),
    Route(f"{_MODEL}/commit/{{revision}}", show),
    Route(f"{_MODEL}/receipts/{{swap}}", receipt),
    Route(f"{_MODEL}/blob/{{revision}}/{{path:path}}", file),
]
