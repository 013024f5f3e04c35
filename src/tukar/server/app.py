"""The ASGI app of a hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from tukar.errors import TukarError
from tukar.gallery.routes import routes as pages
from tukar.hub import Hub
from tukar.server import (
    admin,
    blobs,
    commits,
    errors,
    exchange,
    info,
    lfs,
    missing,
    objects,
    peers,
    repos,
    resolve,
    swaps,
    wishes,
    xet,
    xet_uploads,
)
from tukar.server.requests import RawPaths

_THREADS: Final = 16  # for short requests: they wait for the database and two cores, and each thread costs memory


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def build_app(hub: Hub) -> Starlette:
    """The app that serves ``hub``, which stays the caller's to close."""
    groups = (
        admin,
        peers,
        swaps,
        wishes,
        exchange,
        repos,
        xet,
        xet_uploads,
        lfs,
        commits,
        info,
        objects,
        resolve,
        blobs,
        missing,
    )
    routes: list[BaseRoute] = [route for group in groups for route in group.routes]
    routes += pages  # last: they match whatever has two parts
    app = Starlette(
        lifespan=_lifespan,
        routes=routes,
        middleware=[Middleware(RawPaths)],
        exception_handlers={
            TukarError: errors.on_tukar_error,
            HTTPException: errors.on_http_error,
            ClientDisconnect: errors.on_disconnect,
            Exception: errors.on_bug,
        },
    )
    app.state.hub = hub
    app.state.limiters = {}
    return app
