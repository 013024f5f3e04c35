"""Replies with pages: their headers, and errors as pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tukar import errors
from tukar.gallery import forms, pages, visits
from tukar.gallery.forms import Form
from tukar.gallery.views import NO_FRAME, Frame

_log = logging.getLogger(__name__)

# The first that fits.
_STATUS: Final[tuple[tuple[type[errors.TukarError], int], ...]] = (
    (errors.NotFound, 404),
    (errors.Invalid, 400),
    (errors.Unauthenticated, 401),
    (errors.Refused, 403),
    (errors.Conflict, 409),
    (errors.Unavailable, 503),
    (errors.TukarError, 500),
)

Page = Callable[[Request], Response]
Answer = Callable[[Request, Form], Response]


def status_of(error: errors.TukarError) -> int:
    """The status of a reply that says what went wrong."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def hint_of(error: errors.TukarError) -> str | None:
    """What a reader can do about an error; what is for the command line is of no use on a page."""
    if error.on_page is not None:
        return error.on_page
    is_for_shells = error.hint is not None and ("`" in error.hint or "--" in error.hint)
    return None if is_for_shells else error.hint


def headers(frame: Frame, policy: str = pages.CONTENT_SECURITY_POLICY) -> dict[str, str]:
    """What is sent with every page: nobody between the hub and the browser may keep one that is for one person."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache" if frame.user is None else "private, no-cache",
        "Vary": "Cookie",
    }


def html(text: str, frame: Frame, status: int = 200, policy: str = pages.CONTENT_SECURITY_POLICY) -> Response:
    """A page."""
    extra = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # RFC 9110, section 15.5.2; browsers ask nothing
    return HTMLResponse(text, status, headers(frame, policy) | extra)


def error_response(status: int, message: str, hint: str | None = None, frame: Frame = NO_FRAME) -> Response:
    """An error as a page, for whoever serves browsers."""
    return html(pages.error_page(status, message, hint, frame), frame, status)


def see(address: str) -> Response:
    """Go on to another page, with GET, so that nothing is sent twice when it is loaded again."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def shown(page: Page) -> Page:
    """The page, or what went wrong as a page."""

    def answer(request: Request) -> Response:
        try:
            return page(request)
        except errors.TukarError as error:
            status = status_of(error)
            if status == 500:
                _log.error("%s: %s", request.url.path, error.message)
            return error_response(status, error.message, hint_of(error), visits.known_frame(request))
        except HTTPException:
            raise
        except Exception:
            _log.exception("a page failed: %s", request.url.path)
            message, hint = "the hub could not make this page", "its log says why"
            return error_response(500, message, hint, visits.known_frame(request))

    return answer


def posted(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """What a form leads to, or what went wrong as a page. The form has to come from a page of this hub."""

    async def endpoint(request: Request) -> Response:
        data = await forms.body(request)

        def page(request: Request) -> Response:
            visits.identity(request)  # so that what goes wrong is told in their frame
            visits.check_same_origin(request)
            return answer(request, forms.parse(request.headers.get("content-type", ""), data))

        return await to_thread.run_sync(shown(page), request)

    return endpoint
