"""Hubs that answer drop by drop, or never: whoever asks them is done after a while, or as soon as it is to stop."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tukar.errors import Unavailable
from tukar.exchange import hubs, lines
from tukar.exchange.hubs import HubClient, fetch_identity
from tukar.exchange.patience import LEAST_RATE, LOOK, Patience
from tukar.exchange.receiving import Cut
from tukar.signing import SigningKey

from .fronts import busy_with

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
DRIPS: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\na: ", b"b"),
    "not yet": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": (HEAD, b" "),
    "an error": (b"HTTP/1.1 404 X\r\nContent-Length: 100000000\r\n\r\n", b" "),
    "the length of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "busy": (b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: 1000\r\n\r\n", b""),
}
"""What a hub says at first, and then again and again."""

ASKS: dict[str, Callable[[HubClient], object]] = {
    "get": lambda client: client.get("/x"),
    "post": lambda client: client.post("/x", b"{}"),
    "stream": lambda client: drawn(client),
}


def drawn(client: HubClient) -> bytes:
    with client.stream("/x", b"{}") as pieces:
        return b"".join(pieces)


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[str]:
    """A hub that says this, and then a drop every few milliseconds, for ever."""
    over = threading.Event()

    def drip(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(first)
        while not over.wait(0.005):
            client.sendall(drop)

    with busy_with(drip) as url:
        try:
            yield url
        finally:
            over.set()


def drain(client: socket.socket) -> None:
    """Until the other side hangs up: to close before would take back what is still on its way."""
    while client.recv(65536):
        pass


def client_of(url: str, seconds: float, checkpoint: Callable[[], None] = lambda: None) -> HubClient:
    return HubClient(
        url, SigningKey.generate(), SigningKey.generate().public.fingerprint, patience=seconds, checkpoint=checkpoint
    )


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("drip", DRIPS)
def test_who_answers_drop_by_drop_is_given_up(drip: str, ask: str) -> None:
    with dripping(*DRIPS[drip]) as url, pytest.raises(Unavailable) as caught:
        ASKS[ask](client_of(url, 0.3))
    assert url in str(caught.value.hint)


@pytest.mark.parametrize("drip", ["nothing", "headers", "a body"])
def test_an_identity_is_not_waited_for_either(drip: str) -> None:
    with dripping(*DRIPS[drip]) as url, pytest.raises(Unavailable):
        fetch_identity(url, 0.3)


class Stop(Exception):
    pass


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("drip", DRIPS)
def test_who_is_to_stop_does_not_wait_for_others(drip: str, ask: str) -> None:
    looks = 0

    def checkpoint() -> None:
        nonlocal looks
        looks += 1
        if looks > 3:
            raise Stop

    with dripping(*DRIPS[drip]) as url, pytest.raises(Stop):
        ASKS[ask](client_of(url, 1e6, checkpoint))


@pytest.mark.parametrize("ask", ["post", "stream"])
def test_who_takes_a_body_drop_by_drop_is_given_up(ask: str) -> None:
    """Large bodies do not fit into the buffers between the two."""
    over = threading.Event()

    def take(client: socket.socket) -> None:
        while not over.wait(0.01):
            client.recv(1)

    body = b" " * (32 << 20)
    with busy_with(take) as url, ExitStack() as stack:
        stack.callback(over.set)
        client = client_of(url, 0.3)
        with pytest.raises(Unavailable):
            client.post("/x", body) if ask == "post" else client.stream("/x", body).__enter__()


class Measured(Patience):
    """A second goes by with each look, whatever clocks say."""

    def spend(self, seconds: float) -> None:
        super().spend(1.0)


def drawn_one_by_one(piece: bytes, count: int, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A stream, each piece of which is sent when the one before has been drawn."""
    monkeypatch.setattr(hubs, "Patience", Measured)
    turn = threading.Semaphore()

    def serve(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            turn.acquire()
            client.sendall(piece)
        drain(client)

    with busy_with(serve) as url, ExitStack() as stack:
        stack.callback(turn.release, count)
        pieces = stack.enter_context(client_of(url, 60).stream("/x", b"{}"))
        drawn, got = bytearray(), 0
        for some in pieces:
            drawn += some
            turn.release(len(drawn) // len(piece) - got)
            got = len(drawn) // len(piece)
    return bytes(drawn)


def test_a_slow_stream_goes_on_for_as_long_as_enough_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = b"x" * 2 * LEAST_RATE
    assert drawn_one_by_one(piece, 500, monkeypatch) == piece * 500


def test_a_stream_that_is_too_slow_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Cut, match="bytes a second"):
        drawn_one_by_one(b"x" * (LEAST_RATE // 2), 500, monkeypatch)


# TLS


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a hub at 127.0.0.1 shows, and this machine trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a hub")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = made.add_extension(addresses, critical=False).sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = certificate.public_bytes(plain[0])
    (tmp_path / "pem").write_bytes(pem + key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    monkeypatch.setattr(lines, "trusted_authorities", lambda: ssl.create_default_context(cadata=pem.decode()))
    return context


def test_a_hub_behind_tls_is_spoken_to_alike(identity: ssl.SSLContext) -> None:
    said: list[bytes] = []

    def answer(client: socket.socket) -> None:
        with identity.wrap_socket(client, server_side=True) as secured:
            said.append(secured.recv(65536))
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
            threading.Event().wait(2 * LOOK)  # so that the other side looks again in between
            secured.sendall(b"x" * 300_000)
            drain(secured)

    with busy_with(answer) as url:
        https = url.replace("http:", "https:")
        assert client_of(https, 60).get("/x").body == b"x" * 300_000
        assert drawn(client_of(https, 60)) == b"x" * 300_000
    host = url.removeprefix("http://").encode()
    assert all(f"Host: {host.decode()}".encode() in each for each in said)


def test_a_hub_that_drips_behind_tls_is_given_up(identity: ssl.SSLContext) -> None:
    over = threading.Event()

    def drip(client: socket.socket) -> None:
        with identity.wrap_socket(client, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(HEAD)
            while not over.wait(0.005):
                secured.sendall(b" ")

    with busy_with(drip) as url, ExitStack() as stack:
        stack.callback(over.set)
        with pytest.raises(Unavailable):
            client_of(url.replace("http:", "https:"), 0.5).get("/x")


@pytest.mark.parametrize("drop", [b"", b"\x16"])
def test_who_never_comes_to_an_end_with_tls_is_given_up(drop: bytes) -> None:
    with dripping(b"\x16\x03\x03\x40\x00", drop) as url, pytest.raises(Unavailable):
        client_of(url.replace("http:", "https:"), 0.5).get("/x")


def test_a_certificate_that_is_not_trusted(identity: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "trusted_authorities", ssl.create_default_context)
    said: list[bytes] = []

    def answer(client: socket.socket) -> None:
        try:
            said.append(identity.wrap_socket(client, server_side=True).recv(1))
        except OSError:
            pass

    with busy_with(answer) as url, pytest.raises(Unavailable, match="certificate"):
        client_of(url.replace("http:", "https:"), 60).get("/x")
    assert said in ([], [b""])


def test_a_stream_is_cut_so_that_it_is_asked_for_again() -> None:
    with dripping(*DRIPS["a body"]) as url, pytest.raises(Cut):
        drawn(client_of(url, 0.3))


def test_a_busy_hub_is_asked_again() -> None:
    answers = [b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]

    def answer(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answers.pop(0))
        client.shutdown(socket.SHUT_WR)
        drain(client)

    with busy_with(answer) as url:
        assert json.loads(client_of(url, 60).post("/x", b"{}").body) == {}
