"""A real hub behind a real web server, on a free port of this machine, and what the tests do with it."""

import asyncio
import hashlib
import http.client
import itertools
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.routing import BaseRoute

from tukar.config import Config
from tukar.hub import Hub, open_hub
from tukar.server.app import build_app
from tukar.testing.xet import MadeRun, MadeXorb, made_file, made_shard
from tukar.xet import XetHash

ADMIN_TOKEN = "tests-administrator-0123456789abcdef"


@dataclass
class Clock:
    """The hub's time; tests put it on."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A hub with some people: alice and bob, who may write; alice and bob with tokens that only read; the admin."""

    hub: Hub
    clock: Clock
    url: str
    http: httpx.Client
    tokens: dict[str, str]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def headers(self, who: str | None) -> dict[str, str]:
        return {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}

    def call(self, method: str, path: str, who: str | None = None, **arguments: Any) -> httpx.Response:
        headers = self.headers(who) | dict(arguments.pop("headers", {}))
        return self.http.request(method, path, headers=headers, **arguments)

    def get(self, path: str, who: str | None = None, **arguments: Any) -> httpx.Response:
        return self.call("GET", path, who, **arguments)

    def post(self, path: str, who: str | None = None, **arguments: Any) -> httpx.Response:
        return self.call("POST", path, who, **arguments)

    def raw(
        self, method: str, target: str, headers: Mapping[str, str] = {}, body: Any = None
    ) -> http.client.HTTPResponse:
        """A request whose target is sent as it is written."""
        connection = http.client.HTTPConnection(httpx.URL(self.url).host, httpx.URL(self.url).port, timeout=30)
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        response.body = response.read()  # type: ignore[attr-defined]
        connection.close()
        return response

    # People and repositories

    def add_token(self, user: str, role: str) -> str:
        name = f"{role}-{next(self._numbers)}"
        answer = self.post(f"/api/tukar/users/{user}/tokens", "admin", json={"name": name, "role": role})
        return str(answer.raise_for_status().json()["token"])

    def add_user(self, name: str) -> None:
        self.post("/api/tukar/users", "admin", json={"name": name}).raise_for_status()
        self.tokens[name] = self.add_token(name, "write")
        self.tokens[f"{name} reads"] = self.add_token(name, "read")

    def repository(self, owner: str = "alice", *, private: bool = False, name: str | None = None) -> str:
        """A new repository; its full name."""
        name = name or f"model-{next(self._numbers)}"
        visibility = "private" if private else "public"
        answer = self.post("/api/repos/create", owner, json={"name": name, "visibility": visibility})
        answer.raise_for_status()
        return f"{owner}/{name}"

    # Uploads

    def commit(
        self, repository: str, operations: Iterable[tuple[str, Any]], who: str | None = None, **header: Any
    ) -> httpx.Response:
        lines = [("header", {"summary": "test", "description": ""} | header), *operations]
        body = b"".join(json.dumps({"key": key, "value": value}).encode() + b"\n" for key, value in lines)
        address = f"/api/models/{repository}/commit/main"
        return self.post(address, who or _owner(repository), content=body)

    def batch(self, repository: str, objects: Iterable[tuple[str, int]], who: str | None = None) -> httpx.Response:
        body = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": oid, "size": size} for oid, size in objects],
        }
        return self.post(f"/{repository}.git/info/lfs/objects/batch", who or _owner(repository), json=body)

    def send_lfs(self, repository: str, data: bytes, who: str | None = None) -> str:
        """Upload through LFS, without a commit; the sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        (item,) = self.batch(repository, [(sha256, len(data))], who).raise_for_status().json()["objects"]
        if "actions" in item:
            self.http.put(item["actions"]["upload"]["href"], content=data).raise_for_status()
        return sha256

    def push_lfs(self, repository: str, path: str, data: bytes) -> str:
        sha256 = self.send_lfs(repository, data)
        self.link(repository, path, sha256, len(data)).raise_for_status()
        return sha256

    def link(self, repository: str, path: str, sha256: str, size: int, who: str | None = None) -> httpx.Response:
        return self.commit(repository, [lfs_file(path, sha256, size)], who)

    def xet(self, kind: str, repository: str, who: str | None) -> "Xet":
        """The Xet service with a token for this repository: ``kind`` is read or write."""
        answer = self.get(f"/api/models/{repository}/xet-{kind}-token/main", who)
        value = answer.raise_for_status().json()
        return Xet(self.http, value["casUrl"], value["accessToken"])

    def push_xet(self, repository: str, path: str, *runs: MadeRun) -> XetHash:
        """Upload through Xet, and commit; the file's Xet hash."""
        file = made_file(*runs)
        writer = self.xet("write", repository, _owner(repository))
        for xorb in {run.xorb for run in runs}:
            writer.post_xorb(xorb).raise_for_status()
        writer.post_shard(made_shard(file)).raise_for_status()
        assert file.sha256 is not None
        self.link(repository, path, file.sha256, file.size).raise_for_status()
        return file.hash

    # What is there

    def resolve(self, repository: str, path: str, who: str | None = None, **arguments: Any) -> httpx.Response:
        return self.get(f"/{repository}/resolve/main/{path}", who, **arguments)

    def entry(self, repository: str, path: str, who: str | None = None) -> dict[str, Any]:
        (found,) = self.post(f"/api/models/{repository}/paths-info/main", who, data={"paths": path}).json()
        return dict(found)

    def spooled(self) -> list[Path]:
        """What lies in the folder of request bodies."""
        return [path for path in self.hub.spool.rglob("*") if path.is_file()]


@dataclass
class Xet:
    """The Xet service as a client sees it."""

    http: httpx.Client
    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def post_xorb(self, xorb: MadeXorb, body: bytes | None = None) -> httpx.Response:
        content = xorb.body if body is None else body
        return self.http.post(f"{self.url}/v1/xorbs/default/{xorb.hash}", content=content, headers=self.headers)

    def post_shard(self, body: bytes, version: str = "v1") -> httpx.Response:
        return self.http.post(f"{self.url}/{version}/shards", content=body, headers=self.headers)

    def reconstruction(self, file: XetHash, version: str = "v2", span: str | None = None) -> httpx.Response:
        headers = self.headers | ({} if span is None else {"Range": span})
        return self.http.get(f"{self.url}/{version}/reconstructions/{file}", headers=headers)

    def first_url(self, file: XetHash) -> tuple[str, str]:
        """The first signed address of a file's reconstruction, and the Range that goes with it."""
        (items,) = list(self.reconstruction(file).raise_for_status().json()["xorbs"].values())[:1]
        span = items[0]["ranges"][0]["bytes"]
        return items[0]["url"], f"bytes={span['start']}-{span['end']}"


def lfs_file(path: str, sha256: str, size: int) -> tuple[str, dict[str, Any]]:
    return "lfsFile", {"path": path, "algo": "sha256", "oid": sha256, "size": size}


def regular_file(path: str, data: bytes) -> tuple[str, dict[str, Any]]:
    return "file", {"path": path, "content": b64encode(data).decode(), "encoding": "base64"}


def _owner(repository: str) -> str:
    return repository.split("/")[0]


@contextmanager
def site(folder: Path, **settings: Any) -> Iterator[Site]:
    """A site over a new data folder."""
    clock = Clock()
    with (
        open_hub(Config(data=folder, admin_token=ADMIN_TOKEN, **settings), clock) as hub,
        serve(hub) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        made = Site(hub, clock, url, client, {"admin": ADMIN_TOKEN})
        made.tokens["admin reads"] = made.add_token("admin", "read")
        for name in ("alice", "bob"):
            made.add_user(name)
        yield made


@contextmanager
def serve(hub: Hub, *routes: BaseRoute) -> Iterator[str]:
    """The hub's address while it is served, with routes of a test's own."""
    listener, app = listen(), build_app(hub)
    app.router.routes[:0] = routes
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def listen() -> socket.socket:
    """A socket that listens on a free port of this machine."""
    # asyncio lets answers go at once (TCP_NODELAY) where the socket says that it is TCP's.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener
