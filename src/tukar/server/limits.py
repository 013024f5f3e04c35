"""How much is done at once, so that memory stays bounded however many clients come.

Each kind of work waits for its own, not for the rest.
"""

from __future__ import annotations

from typing import Final

from anyio import CapacityLimiter
from starlette.requests import Request


class Limit:
    """A number of threads for one kind of work; the limiter belongs to the app, and so to its event loop."""

    def __init__(self, name: str, threads: int) -> None:
        self._name, self._threads = name, threads

    def get(self, request: Request) -> CapacityLimiter:
        """The limiter of this request's app."""
        limiters: dict[str, CapacityLimiter] = request.app.state.limiters
        return limiters.setdefault(self._name, CapacityLimiter(self._threads))


ARRIVALS: Final = Limit("arrivals", 8)  # streams of objects: each waits for its client, and holds a block or two
BODIES: Final = Limit("bodies", 2)  # large bodies that are parsed: a megabyte of JSON may take twenty in memory
LANDINGS: Final = Limit("landings", 3)
READS: Final = Limit("reads", 8)
XORBS: Final = Limit("xorbs", 3)
