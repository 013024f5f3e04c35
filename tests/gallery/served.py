"""Hubs that are served to browsers and to each other, with all that they do by themselves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tukar.config import Config
from tukar.exchange import identity
from tukar.hub import Hub, open_hub
from tukar.server.app import build_app

TOKEN = "tests-administrator-0123456789abcdef"


@dataclass
class Served:
    """A hub and where it is."""

    hub: Hub
    url: str

    @property
    def fingerprint(self) -> str:
        with self.hub.services.database.read() as tx:
            return identity.current(tx).public.fingerprint.grouped


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of this machine; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A new hub, running."""
    config = Config(data=folder, admin_token=TOKEN, swap_pause=0.1, gc_every=0.0, check_every=0.0, repack_every=0.0)
    with open_hub(config) as hub, serve(build_app(hub)) as url, hub.runner:
        yield Served(hub, url)
