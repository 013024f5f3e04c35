"""The one table from errors to HTTP.

Stock clients choose their exception by ``X-Error-Code`` and show ``X-Error-Message``; the body is a JSON object.
"""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tukar import errors
from tukar.exchange.replies import OutdatedKey
from tukar.gallery.replies import error_response
from tukar.objects.stream import NotAsAnnounced

_log = logging.getLogger(__name__)

# The first that fits; status and X-Error-Code.
_TABLE: Final[tuple[tuple[type[errors.TukarError], int, str | None], ...]] = (
    (errors.RepoNotFound, 404, "RepoNotFound"),
    (errors.RevisionNotFound, 404, "RevisionNotFound"),
    (errors.EntryNotFound, 404, "EntryNotFound"),
    (errors.NotFound, 404, None),
    (errors.Invalid, 400, None),
    (errors.Conflict, 409, None),
    (OutdatedKey, 401, "OutdatedKey"),
    (errors.Unauthenticated, 401, None),
    (errors.Refused, 403, None),
    (errors.Unsupported, 501, None),
    (errors.Unavailable, 503, None),
    (NotAsAnnounced, 400, None),  # the sender is at fault, and not what is stored here
    (errors.Corrupt, 500, "Corrupt"),
    (errors.TukarError, 500, None),
)


_EXTRA: Final = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}


class PreconditionFailed(errors.Conflict):
    """The branch is not at the commit that the client takes it to be at: 412, as on the Hugging Face Hub."""


class RangeNotSatisfiable(errors.Invalid):
    """The range begins after the end: 416. ``size`` is the size of the whole, in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range begins after the end: there are {size} bytes")
        self.size = size


class TooLarge(errors.Invalid):
    """The body has more than ``limit`` bytes: 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body has more than {limit} bytes, which is what was announced or is allowed")


class TooSlow(errors.Unavailable):
    """The body did not come within ``seconds``: 408."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the body did not come within {seconds:g} seconds")


def response(error: errors.TukarError, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as stock clients understand it."""
    status, code = _look_up(error)
    return json_error(status, error.message, error.hint, code, headers)


def json_error(
    status: int, message: str, hint: str | None = None, code: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error reply in the Hub's form."""
    whole = f"{message} ({hint})" if hint else message
    whole = whole.encode("utf-8", "backslashreplace").decode()  # what was asked for may be no text
    sent = {"X-Error-Message": header_text(whole), **_EXTRA.get(status, {}), **(headers or {})}
    if code:
        sent["X-Error-Code"] = code
    return JSONResponse({"error": whole}, status, sent)


def header_text(text: str) -> str:
    """Text as a header may carry it: one line of printable ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:1000]


def _look_up(error: errors.TukarError) -> tuple[int, str | None]:
    if isinstance(error, PreconditionFailed):
        return 412, None
    if isinstance(error, RangeNotSatisfiable):
        return 416, None
    if isinstance(error, TooLarge):
        return 413, None
    if isinstance(error, TooSlow):
        return 408, None
    return next((status, code) for kind, status, code in _TABLE if isinstance(error, kind))


async def on_tukar_error(_: Request, error: Exception) -> Response:
    """What Tukar raised on purpose."""
    assert isinstance(error, errors.TukarError)  # noqa: S101 - registered for nothing else
    if isinstance(error, errors.Corrupt) and not isinstance(error, NotAsAnnounced):
        _log.error("corrupt: %s", error.message)
    extra = {"Content-Range": f"bytes */{error.size}"} if isinstance(error, RangeNotSatisfiable) else {}
    if isinstance(error, TooSlow):
        extra["Connection"] = "close"  # the rest is not waited for
    return response(error, extra)


async def on_http_error(request: Request, error: Exception) -> Response:
    """No such route, or no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    message = f"{error.detail}: {request.method} {request.scope['path']}"
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):  # a person's browser
        return error_response(error.status_code, message)
    return json_error(error.status_code, message, headers=dict(error.headers or {}))


async def on_disconnect(_: Request, error: Exception) -> Response:
    """The client left in the middle of its request: nobody hears the answer."""
    return json_error(400, "the request ended before its body did")


async def on_bug(_: Request, error: Exception) -> Response:
    """What nobody expected. The server logs the traceback; the id says which one, when a user asks."""
    id_ = token_hex(8)
    _log.error("request %s failed: %s", id_, type(error).__name__)
    return json_error(500, "something went wrong in the hub", "see its log", headers={"X-Request-Id": id_})
