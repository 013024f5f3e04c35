"""The one table from errors to HTTP.

Stock clients choose their exception by ``X-Error-Code`` and show ``X-Error-Message``; the body is a JSON object.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tukar import errors

_log = logging.getLogger(__name__)

# The first that fits; status and X-Error-Code.
_TABLE: Final[tuple[tuple[type[errors.TukarError], int, str | None], ...]] = (
    (errors.RepoNotFound, 404, "RepoNotFound"),
    (errors.RevisionNotFound, 404, "RevisionNotFound"),
    (errors.EntryNotFound, 404, "EntryNotFound"),
    (errors.NotFound, 404, None),
    (errors.Invalid, 400, None),
    (errors.Conflict, 409, None),
    (errors.Unauthenticated, 401, None),
    (errors.Refused, 403, None),
    (errors.Unsupported, 501, None),
    (errors.Unavailable, 503, None),
    (errors.Corrupt, 500, None),
    (errors.TukarError, 500, None),
)


class PreconditionFailed(errors.Conflict):
    """The branch is not at the commit that the client takes it to be at: 412, as on the Hugging Face Hub."""


class RangeNotSatisfiable(errors.Invalid):
    """The range begins after the end: 416. ``size`` is the size of the whole, in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range begins after the end: there are {size} bytes")
        self.size = size


def response(error: errors.TukarError, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as stock clients understand it."""
    status, code = _look_up(error)
    return json_error(status, error.message, error.hint, code, headers)


def json_error(
    status: int, message: str, hint: str | None = None, code: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error reply in the Hub's form."""
    whole = f"{message} ({hint})" if hint else message
    sent = {"X-Error-Message": header_text(whole), **(headers or {})}
    if code:
        sent["X-Error-Code"] = code
    if status == 503:
        sent["Retry-After"] = "2"
    return JSONResponse({"error": whole}, status, sent)


def header_text(text: str) -> str:
    """Text as a header may carry it: one line of printable ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:1000]


def _look_up(error: errors.TukarError) -> tuple[int, str | None]:
    if isinstance(error, PreconditionFailed):
        return 412, None
    if isinstance(error, RangeNotSatisfiable):
        return 416, None
    return next((status, code) for kind, status, code in _TABLE if isinstance(error, kind))


async def on_tukar_error(_: Request, error: Exception) -> Response:
    """What Tukar raised on purpose."""
    assert isinstance(error, errors.TukarError)  # noqa: S101 - registered for nothing else
    if isinstance(error, errors.Corrupt):
        _log.error("corrupt: %s", error.message)
    extra = {"Content-Range": f"bytes */{error.size}"} if isinstance(error, RangeNotSatisfiable) else None
    return response(error, extra)


async def on_http_error(request: Request, error: Exception) -> Response:
    """No such route, or no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return json_error(error.status_code, f"{error.detail}: {request.method} {request.url.path}")


async def on_bug(_: Request, error: Exception) -> Response:
    """What nobody expected. Starlette logs the traceback."""
    return json_error(500, "something went wrong in the hub", "see its log")
