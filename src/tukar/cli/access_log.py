"""A line for each request, at level debug, without what must stay secret."""

from __future__ import annotations

import logging
import re
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tukar.cli.failures import printable

# Signed addresses are as good as tokens until they expire. A query may hold what somebody searched for.
_SIGNED: Final = re.compile(r"^(/lfs/upload/|/lfs/parts/|/xet/xorbs/)[^/]+")
_log = logging.getLogger("tukar.access")


class AccessLog:
    """Passes requests on to ``app``, and logs them once they are answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not _log.isEnabledFor(logging.DEBUG):
            await self.app(scope, receive, send)
            return
        status, start = 0, time.monotonic()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.monotonic() - start
            _log.debug("%s %s %d %.3f s", scope["method"], redacted(scope["raw_path"]), status, seconds)


def redacted(raw_path: bytes) -> str:
    """A path as it may be logged."""
    path = raw_path.partition(b"?")[0].decode("ascii", "backslashreplace")
    return printable(_SIGNED.sub(r"\1***", path))
