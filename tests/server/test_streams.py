"""Bodies on their way out: ranges, errors before and after the first byte, clients that are slow or leave."""

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tukar.catalog import tables
from tukar.errors import Corrupt
from tukar.server.errors import RangeNotSatisfiable, on_tukar_error
from tukar.server.streams import PiecesResponse, parse_range
from tukar.testing.xet import MadeXorb

from .site import Site, listen

MIB = 1 << 20


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


# Ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=5-", (5, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=0-18446744073709551614", (0, 100)),
        ("Bytes=1-2", (1, 3)),
        (" bytes=1-2 ", (1, 3)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=2-1", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=0-" + "9" * 21, None),
        ("bytes=a-b", None),
    ],
)
def test_what_a_range_asks_for(header: str | None, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_what_is_out_of_reach(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, size)


# Clients that are slow, or leave


class Endless:
    """A body of 10 GiB that notes how much of it was asked for, and when it is let go."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed = threading.Event()

    def pieces(self) -> Iterator[bytes]:
        try:
            for _ in range(10 << 10):
                self.taken += 1
                yield bytes(MIB)
        finally:
            self.closed.set()


@contextmanager
def serving(make: Callable[[], PiecesResponse]) -> Iterator[tuple[str, int]]:
    async def endpoint(_: Request) -> Response:
        return make()

    handlers = {Corrupt: on_tukar_error}
    app = Starlette(routes=[Route("/", endpoint)], exception_handlers=handlers)  # type: ignore[arg-type]
    app.state.limiters = {}
    listener = listen()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()


def ask(address: tuple[str, int], path: str = "/", method: str = "GET") -> socket.socket:
    """A connection on which the answer has begun."""
    connection = socket.create_connection(address, timeout=20)
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def test_nothing_more_is_read_for_a_client_that_left() -> None:
    body = Endless()
    with serving(lambda: PiecesResponse(body.pieces(), 10 << 30)) as address:
        ask(address).close()
        assert body.closed.wait(20)
    assert body.taken < 100


def test_only_what_is_on_its_way_is_held_for_a_client_that_does_not_read() -> None:
    bodies = [Endless() for _ in range(20)]  # more than there are threads
    waiting = iter(bodies)
    with serving(lambda: PiecesResponse(next(waiting).pieces(), 10 << 30)) as address, ExitStack() as slow:
        for body in bodies:
            slow.enter_context(ask(address))
            until(lambda body=body: body.taken > 1)  # type: ignore[misc]
    # Two pieces, and what the system's buffers take.
    assert max(body.taken for body in bodies) < 20


def test_slow_clients_do_not_hold_up_others(site: Site) -> None:
    repository, data = site.repository(), secrets.token_bytes(8 * MIB)
    site.push_lfs(repository, "a.bin", data)
    address = (httpx.URL(site.url).host, httpx.URL(site.url).port or 0)
    with ExitStack() as slow:
        for _ in range(20):
            slow.enter_context(ask(address, f"/{repository}/resolve/main/a.bin"))
        assert site.resolve(repository, "a.bin").content == data


def test_head_reads_nothing() -> None:
    body = Endless()
    with serving(lambda: PiecesResponse(body.pieces(), 10 << 30)) as (host, port):
        answer = httpx.head(f"http://{host}:{port}/")
    assert (answer.headers["Content-Length"], body.taken) == (str(10 << 30), 0)


def test_an_empty_body_and_empty_pieces() -> None:
    for pieces in ([], [b""], [b"", b"a", b"", b"b", b""]):
        whole = b"".join(pieces)
        with serving(lambda pieces=pieces, whole=whole: PiecesResponse(iter(pieces), len(whole))) as (host, port):  # type: ignore[misc]
            assert httpx.get(f"http://{host}:{port}/").content == whole


# Errors


def failing(after: int) -> Iterator[bytes]:
    for _ in range(after):
        yield bytes(100_000)
    raise Corrupt("a block does not match its digest")


def test_an_error_before_the_first_byte_is_an_answer() -> None:
    with serving(lambda: PiecesResponse(failing(0), 500_000)) as (host, port):
        answer = httpx.get(f"http://{host}:{port}/")
    assert answer.status_code == 500
    assert "digest" in answer.json()["error"]


@pytest.mark.parametrize("after", [1, 3])
def test_an_error_later_cuts_the_connection(after: int, caplog: pytest.LogCaptureFixture) -> None:
    response = lambda: PiecesResponse(failing(after), 500_000)  # noqa: E731
    with serving(response) as (host, port), pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{host}:{port}/")
    assert "cut a download off: a block does not match its digest" in caplog.text


@pytest.fixture
def damaged(own_site: Site) -> tuple[Site, str, Callable[[int], None]]:
    """A site with a file of 4 MiB, and how to flip a byte of what is stored."""
    repository = own_site.repository()
    own_site.push_xet(repository, "a.bin", MadeXorb(tuple(secrets.token_bytes(64 << 10) for _ in range(64))).run())
    folder = own_site.hub.config.data / "objects" / "packs"
    pack: Path = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)

    def flip(at: int) -> None:
        pack.chmod(0o600)
        with pack.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))

    return own_site, repository, flip


def test_a_damaged_beginning_is_an_error(
    damaged: tuple[Site, str, Callable[[int], None]], caplog: pytest.LogCaptureFixture
) -> None:
    site, repository, flip = damaged
    flip(1000)
    answer = site.resolve(repository, "a.bin")
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (500, "Corrupt")
    assert "digest" in answer.json()["error"]
    assert "corrupt" in caplog.text
    url, span = site.xet("read", repository, None).first_url(site.entry(repository, "a.bin")["xetHash"])
    assert site.http.get(url, headers={"Range": span}).status_code == 500


def test_damage_further_on_cuts_the_download(damaged: tuple[Site, str, Callable[[int], None]]) -> None:
    site, repository, flip = damaged
    flip(3 * MIB + 5000)
    with pytest.raises(httpx.RemoteProtocolError):
        site.resolve(repository, "a.bin")
    assert site.resolve(repository, "a.bin", headers={"Range": "bytes=0-99999"}).status_code == 206
    url, span = site.xet("read", repository, None).first_url(site.entry(repository, "a.bin")["xetHash"])
    with pytest.raises(httpx.RemoteProtocolError):
        site.http.get(url, headers={"Range": span})


def test_a_failure_of_the_hub_has_a_number_that_its_log_has_too(
    own_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site, repository = own_site, own_site.repository()
    with site.hub.services.database.write() as tx:
        tx.execute(sa.update(tables.repositories).values(card="what nobody expected here"))
    answer = site.get(f"/api/models/{repository}")
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in caplog.text
    assert "expected" not in answer.text
    assert "Traceback" not in answer.text
