"""Serving bytes: ranges (RFC 9110, section 14) and bodies that are produced in a thread, one piece ahead."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Final

from anyio import CancelScope, create_task_group, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tukar.errors import TukarError
from tukar.server.errors import RangeNotSatisfiable
from tukar.server.limits import READS

_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
_log = logging.getLogger(__name__)

Pieces = Iterator[bytes | memoryview]


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first and last-plus-one byte that a ``Range`` header asks for; None if the whole is to be sent.

    Malformed headers and several ranges are ignored, as the RFC allows. RangeNotSatisfiable if it begins after the end.
    """
    match = _RANGE.fullmatch((header or "").strip())
    first, last = (match[1], match[2]) if match else ("", "")
    if not (first or last) or max(len(first), len(last)) > 20:
        return None
    if not first:
        start, stop = max(size - int(last), 0), size
        empty = int(last) == 0
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        empty = False
        if last and int(last) < start:
            return None
    if empty or start >= size:
        raise RangeNotSatisfiable(size)
    return start, stop


class PiecesResponse(Response):
    """A body, taken from an iterator in a thread while the piece before is being sent.

    An error before the first piece is answered as any other; after that the connection is cut, so that the client does
    not take a part for the whole. When the client leaves, nothing more is read.
    """

    def __init__(
        self, pieces: Pieces, length: int | None, status_code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(None, status_code, {**(headers or {}), "Content-Length": str(length)})
        if length is None:  # it comes in chunks
            del self.headers["Content-Length"]
        self._pieces = (piece for piece in pieces if len(piece))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; of one to HEAD only what comes before the body."""
        self._limiter = READS.get(Request(scope))
        try:
            await self._send(scope["method"] == "HEAD", receive, send)
        finally:
            self._pieces.close()

    async def _send(self, head_only: bool, receive: Receive, send: Send) -> None:
        piece = b"" if head_only else await self._next()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        failure: TukarError | None = None
        async with create_task_group() as group:
            group.start_soon(_cancel_when_gone, receive, group.cancel_scope)
            failure = await self._send_all(piece, send)
            group.cancel_scope.cancel()
        if failure is not None:
            _log.error("cut a download off: %s", failure.message)
            raise failure

    async def _send_all(self, piece: bytes | memoryview, send: Send) -> TukarError | None:
        upcoming = piece
        failure: TukarError | None = None

        async def fetch() -> None:
            nonlocal upcoming, failure
            try:
                upcoming = await self._next()
            except TukarError as error:
                failure = error

        while piece:
            async with create_task_group() as group:
                group.start_soon(fetch)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if failure is not None:
                return failure
            piece = upcoming
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return None

    async def _next(self) -> bytes | memoryview:
        return await to_thread.run_sync(lambda: next(self._pieces, b""), limiter=self._limiter)


async def _cancel_when_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
