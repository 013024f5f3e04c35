"""A hub that says what a test wants it to say. It serves one repository, `acme/tiny`, honestly unless told not to."""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40
REPOSITORY = "acme/tiny"


class Request(BaseHTTPRequestHandler):
    """One request, and ways to answer it."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        return self.rfile.read(size + 2)[:-2]

    def _serve(self) -> None:
        hub = self.server.hub
        hub.requests.append((self.command, self.path, dict(self.headers)))
        for pattern, answer in hub.answers.items():
            if re.search(pattern, f"{self.command} {self.path}"):
                answer(self)
                return
        self.body()
        self.answer_json({"error": "no such thing"}, 404)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: "FakeHub"

    def handle_error(self, request: Any, client_address: Any) -> None: ...


class FakeHub:
    """Answers by the first pattern that "METHOD /path" matches; those that a test adds go first."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}
        self.tree = [entry(path, content) for path, content in self.files.items()]
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answers: dict[str, Callable[[Request], None]] = {
            "GET /api/models/acme/tiny/revision/": lambda r: r.answer_json({"id": REPOSITORY, "sha": COMMIT}),
            "GET /api/models/acme/tiny/tree/": lambda r: r.answer_json(self.tree),
            "GET /acme/tiny/resolve/": self._resolve,
        }
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.hub = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def says(self, pattern: str, answer: Callable[[Request], None]) -> None:
        self.answers = {pattern: answer, **self.answers}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _resolve(self, request: Request) -> None:
        content = self.files[request.path.split("/", 5)[5]]
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if wanted is None:
            request.answer(200, content)
            return
        start = int(wanted[1])
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        request.answer(206, content[start:], Content_Range=span)


def entry(path: str, content: bytes, size: int | None = None) -> dict[str, Any]:
    """A large file as a tree lists it."""
    told = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content) if size is None else size}
    return {"type": "file", "path": path, "size": told["size"], "oid": "0" * 40, "lfs": {**told, "pointerSize": 130}}


def regular(path: str, content: bytes) -> dict[str, Any]:
    """A regular file as a tree lists it."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return {"type": "file", "path": path, "size": len(content), "oid": oid}
