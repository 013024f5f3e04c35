"""A hub in front of a real one. It may leave out what only Tukar has, and so be a stock hub; it may be made to lie."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from typing import Any

from .fake import Request

_NOT_STOCK = re.compile(r"/objects|/xet|xet-(read|write)-token|/info/lfs")
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Answer:
    """What goes back; ``stop`` is how much of the body is sent at first."""

    status: int
    headers: dict[str, str]
    body: bytes
    stop: int | None = None


class _Handler(Request):
    server: "_Server"  # type: ignore[assignment]

    def _serve(self) -> None:
        self.server.proxy.serve(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server calls


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: "Proxy"

    def handle_error(self, request: Any, client_address: Any) -> None: ...


class Proxy:
    """Passes on to a hub what is asked, and notes it: method, path, headers.

    ``came`` counts the bytes of files that went back, by path.
    """

    def __init__(self, hub: str, *, is_plain: bool = True) -> None:
        self._hub, self._is_plain = hub.removeprefix("http://"), is_plain
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.came: dict[str, int] = {}
        self.lies: dict[str, Callable[[Answer], None]] = {}
        self.stalled, self.open = threading.Event(), threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def shown(self) -> set[str]:
        """What it was shown to say who asks."""
        told = (item for _, _, headers in self.requests for item in headers.items())
        return {value for name, value in told if name.lower() == "authorization"}

    def asked(self, pattern: str) -> list[str]:
        return [path for method, path, _ in self.requests if re.search(pattern, f"{method} {path}")]

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request: _Handler) -> None:
        body = request.body()
        self.requests.append((request.command, request.path, dict(request.headers)))
        answer = self._answer(request, body)
        for pattern, lie in self.lies.items():
            if re.search(pattern, f"{request.command} {request.path}"):
                lie(answer)
        request.send_response(answer.status)
        length = answer.headers.pop("Content-Length", str(len(answer.body)))
        for name, value in {"Content-Length": length, **answer.headers}.items():
            request.send_header(name, value)
        request.end_headers()
        self._send(request, answer)

    def _send(self, request: _Handler, answer: Answer) -> None:
        first = answer.body[: answer.stop]
        request.wfile.write(first)
        if answer.stop is not None:
            self.stalled.set()
            self.open.wait()
            request.wfile.write(answer.body[answer.stop :])
        if request.command == "GET" and "/resolve/" in request.path:
            path = request.path.split("/resolve/")[1].partition("/")[2]
            self.came[path] = self.came.get(path, 0) + len(first)

    def _answer(self, request: _Handler, body: bytes) -> Answer:
        if self._is_plain and _NOT_STOCK.search(request.path):
            return Answer(404, {}, b"")
        connection = HTTPConnection(self._hub)
        passed = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        connection.request(request.command, request.path, body, {**passed, "Content-Length": str(len(body))})
        told = connection.getresponse()
        content = told.read()
        connection.close()
        headers = {name: value for name, value in told.getheaders() if name.lower() not in _HOP}
        if request.command == "HEAD":
            headers["Content-Length"] = told.headers.get("Content-Length", "0")
        return (
            self._plain(Answer(told.status, headers, content))
            if self._is_plain
            else Answer(told.status, headers, content)
        )

    def _plain(self, answer: Answer) -> Answer:
        kept = {name: value for name, value in answer.headers.items() if "xet" not in f"{name}{value}".lower()}
        return Answer(answer.status, kept, _without(answer.body, "xetHash"))


def _without(body: bytes, key: str) -> bytes:
    """A list of JSON objects without a key; anything else as it is."""
    if key.encode() not in body:
        return body
    return json.dumps([{k: v for k, v in item.items() if k != key} for item in json.loads(body)]).encode()


def stalling(at: int) -> Callable[[Answer], None]:
    """Sends so many bytes, and the others once the proxy is open."""

    def stall(answer: Answer) -> None:
        answer.stop = at

    return stall


def sending(change: Callable[[bytes], bytes]) -> Callable[[Answer], None]:
    """Sends another body."""

    def lie(answer: Answer) -> None:
        answer.body = change(answer.body)

    return lie


def listing(change: Callable[[list[Any]], object]) -> Callable[[Answer], None]:
    """Lists other files."""

    def lie(answer: Answer) -> None:
        entries = json.loads(answer.body)
        change(entries)
        answer.body = json.dumps(entries).encode()

    return lie
