"""A file of a hub, read here and there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tukar.errors import Invalid, NotFound, Unavailable
from tukar.exchange import ranges
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.ranges import RemoteFileSource

DATA = random.Random(1).randbytes((3 << 20) + 12345)


class Handler(BaseHTTPRequestHandler):
    """Serves DATA by ranges; ``answers`` are given before it does."""

    asked: list[str]
    answers: list[int]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(self.headers["Range"])
        status = self.answers.pop(0) if self.answers else 206
        if status == 206:
            start, stop = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
            body = DATA[start : stop + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(DATA)}")
        else:
            body = DATA[:10] if status == 200 else b"{}"
            self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(ranges, "PAUSES", (0.0, 0.0))
    Handler.asked, Handler.answers = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Endpoint(f"http://127.0.0.1:{server.server_port}", None, "nowhere")
    server.shutdown()
    server.server_close()


def source(hub: Endpoint, size: int = len(DATA)) -> RemoteFileSource:
    return RemoteFileSource(hub, "/a/b/resolve/main/w", size, "a/b: w")


def test_every_part_is_the_file_s(hub: Endpoint) -> None:
    file = source(hub)
    chance = random.Random(2)
    for _ in range(60):
        start = chance.randrange(len(DATA))
        stop = min(len(DATA), start + chance.choice([0, 1, 100, 1 << 20, 3 << 20]))
        assert file.read(start, stop) == DATA[start:stop]
    file.close()


def test_what_came_is_kept(hub: Endpoint) -> None:
    file = source(hub)
    for start in range(0, (1 << 20) + 2000, 1000):
        assert file.read(start, start + 10) == DATA[start : start + 10]
    assert Handler.asked == ["bytes=0-1048575", "bytes=1048576-2097151"]
    file.close()


def test_no_more_is_kept_than_that(hub: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "_KEPT", 2)
    file = source(hub)
    for start in (0, 1 << 20, 2 << 20, 0):
        file.read(start, start + 5)
    assert len(Handler.asked) == 4
    assert file.read(100, (2 << 20) + 100) == DATA[100 : (2 << 20) + 100]
    assert len(file._blocks) <= 2
    file.close()


def test_a_busy_hub_is_asked_again(hub: Endpoint) -> None:
    Handler.answers = [503, 503]
    assert source(hub).read(5, 9) == DATA[5:9]
    Handler.answers = [503] * 3
    with pytest.raises(Unavailable):
        source(hub).read(5, 9)


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (200, Invalid)])
def test_what_a_hub_says_instead(status: int, error: type[Exception], hub: Endpoint) -> None:
    Handler.answers = [status]
    with pytest.raises(error):
        source(hub).read(2 << 20, (2 << 20) + 10)


def test_a_file_that_is_shorter_than_listed(hub: Endpoint) -> None:
    with pytest.raises(Invalid, match="but is listed with"):
        source(hub, len(DATA) + 500).read(len(DATA), len(DATA) + 400)
