"""A hub with an administrator and a user, and visitors of its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tukar.catalog import users
from tukar.catalog.values import Identity
from tukar.config import Config
from tukar.gallery.routes import routes
from tukar.hub import Hub, open_hub
from tukar.types import RepoId
from tukar.usecases import repositories
from tukar.usecases.commit import RegularFile, Request, commit

Publish = Callable[..., None]
Form = Mapping[str, str | Sequence[str]]
START = 1_767_225_600  # 2026-01-01


class Memory:
    """Bytes as a byte source."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, start: int, stop: int) -> bytes:
        return self._content[start:stop]


class SentPaths:
    """Routes by the path as it was sent, as the server does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(scope, receive, send)


def open_empty(folder: Path) -> AbstractContextManager[Hub]:
    """An empty hub. Every look at its clock is a minute after the one before."""
    minutes = count()
    return open_hub(Config(data=folder), clock=lambda: START + 60.0 * next(minutes))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with open_empty(tmp_path / "hub") as hub:
        yield hub


def app(hub: Hub) -> Starlette:
    made = Starlette(routes=routes, middleware=[Middleware(SentPaths)])
    made.state.hub = hub
    return made


class Visitor:
    """Somebody with a browser: it keeps cookies, says where a form comes from, and follows no redirects."""

    def __init__(self, app: ASGIApp, address: str = "http://hub.test:8080") -> None:
        self._transport = httpx.ASGITransport(app)
        self._address = address
        self.cookies = httpx.Cookies()

    def get(self, path: str, **headers: str) -> httpx.Response:
        """The reply to a request for this address, which is sent as it is written."""
        return self._send("GET", path, headers)

    def post(self, path: str, form: Form = MappingProxyType({}), **headers: str) -> httpx.Response:
        """The reply to a form, sent by a page of the hub unless the headers say otherwise."""
        return self._send("POST", path, {"Origin": self._address} | headers, urlencode(form, doseq=True).encode())

    def log_in(self, token: str) -> None:
        """Begin a session, as the form does."""
        assert self.post("/login", {"token": token}).status_code == 303

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if method == "POST":
            sent = {"Content-Type": "application/x-www-form-urlencoded"} | sent

        async def send() -> httpx.Response:
            client = httpx.AsyncClient(transport=self._transport, base_url=self._address, cookies=self.cookies)
            async with client:
                reply = await client.request(method, path, headers=sent, content=body)
                self.cookies = client.cookies
                return reply

        return anyio.run(send)


@pytest.fixture
def visitor(hub: Hub) -> Visitor:
    return Visitor(app(hub))


@pytest.fixture
def publish(hub: Hub) -> Publish:
    return publisher(hub)


def publisher(hub: Hub) -> Publish:
    """Commit files to a model, which is created if need be, in the name of its owner."""

    def do(name: str, files: Mapping[str, bytes], title: str = "Publish", *, private: bool = False) -> None:
        repo_id = RepoId.parse(name)
        with hub.services.database.write() as tx:
            owner = users.find(tx, repo_id.namespace) or users.create(tx, repo_id.namespace, now=START)
        owner_identity = Identity(owner, "write")
        try:
            repositories.create(hub.services, owner_identity, repo_id, private=private)
        except repositories.RepositoryExists:
            pass
        changes = [RegularFile(path, Memory(content)) for path, content in files.items()]
        commit(hub.services, owner_identity, repo_id, Request(changes, title))

    return do
