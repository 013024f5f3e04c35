"""Serving bytes: ranges (RFC 9110, section 14) and bodies that are produced in a thread, one piece ahead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from anyio import create_task_group, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tukar.server.errors import RangeNotSatisfiable
from tukar.server.limits import READS

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")

Pieces = Iterator[bytes | memoryview]


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first and last-plus-one byte that a ``Range`` header asks for; None if the whole is to be sent.

    Malformed headers and several ranges are ignored, as the RFC allows. RangeNotSatisfiable if it begins after the end.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match[0] == "bytes=-" or max(len(match[1]), len(match[2])) > 20:
        return None
    first, last = match[1], match[2]
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
    """A body of known length, taken from an iterator in a thread while the piece before is being sent.

    An error before the first piece is answered as any other; after that the connection is cut, so that the client does
    not take a part for the whole.
    """

    def __init__(
        self, pieces: Pieces, length: int, status_code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(None, status_code, {**(headers or {}), "Content-Length": str(length)})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        limiter = READS.get(Request(scope))
        piece = await to_thread.run_sync(self._next, limiter=limiter)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while piece:
            async with create_task_group() as group:
                upcoming: list[bytes | memoryview] = []

                async def fetch(into: list[bytes | memoryview] = upcoming) -> None:
                    into.append(await to_thread.run_sync(self._next, limiter=limiter))

                group.start_soon(fetch)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = upcoming[0]
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _next(self) -> bytes | memoryview:
        return next((piece for piece in self._pieces if len(piece)), b"")
