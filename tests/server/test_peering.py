"""One hub asks another, over HTTP: what its peers get, and what everybody else is told."""

import hashlib
import json
import select
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tukar.config import Config
from tukar.errors import Invalid, NotFound, Refused, TukarError, Unauthenticated, Unavailable
from tukar.exchange import authorisation, identity, peers
from tukar.exchange.authorisation import Call
from tukar.exchange.hubs import HubClient, fetch_identity
from tukar.exchange.peers import Peer
from tukar.exchange.receiving import Cut
from tukar.exchange.replies import OutdatedKey
from tukar.exchange.tables import nonces
from tukar.hub import Hub, open_hub
from tukar.server.peering import AT_ONCE, BODY_LIMIT, from_acquaintance, from_peer
from tukar.signing import SigningKey

from .fronts import answering, behind_prefix
from .site import Clock, listen, serve
from .test_streams import until

PIECES = [b"x" * 300_000, b"y", b"z" * 100_000]


def echo(request: Request, peer: Peer, body: bytes) -> Response:
    return JSONResponse({"peer": peer.name, "state": peer.state, "size": len(body), "query": request.url.query})


def plain(request: Request, peer: Peer, body: bytes) -> Response:
    """As large as it was asked for, and with a length, or in pieces."""
    asked = json.loads(body)
    if asked.get("missing"):
        raise NotFound("no such swap")
    length = {"Content-Length": str(sum(map(len, PIECES)))} if asked.get("length") else {}
    return StreamingResponse(iter(PIECES), headers=length)


def revoke_meanwhile(request: Request, peer: Peer, body: bytes) -> Response:
    raise AssertionError(f"{peer.name} was revoked before all of its body came")


ROUTES = [
    Route("/x/peer", from_peer(echo), methods=["GET", "POST"]),
    Route("/x/anyone", from_acquaintance(echo, lambda _, peer: 1000 if peer.is_trusted else 10), methods=["POST"]),
    Route("/x/stream", from_peer(plain), methods=["POST"]),
    Route("/x/soon", from_peer(echo, seconds=0.05), methods=["POST"]),
    Route("/x/meanwhile", from_peer(revoke_meanwhile), methods=["POST"]),
]


@dataclass
class Pair:
    """A hub that is served, and the key of a hub that is a peer of it."""

    hub: Hub
    clock: Clock
    url: str
    key: SigningKey

    @property
    def receiver(self) -> Any:
        with self.hub.services.database.read() as tx:
            return identity.current(tx).public.fingerprint

    def client(self, **changes: Any) -> HubClient:
        return HubClient(**{"url": self.url, "key": self.key, "peer": self.receiver, "clock": self.clock, **changes})

    def header(self, body: bytes = b"", **changes: Any) -> dict[str, str]:
        sha256 = hashlib.sha256(body).hexdigest()
        sender = self.key.public.fingerprint
        call = Call(sender, self.receiver, "POST", "/x/peer", sha256, int(self.clock.now), "0" * 32)
        return {"Authorization": authorisation.signed(replace(call, **changes), self.key)}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    clock, key = Clock(), SigningKey.generate()
    with open_hub(Config(data=tmp_path / "hub"), clock) as hub, serve(hub, *ROUTES) as url:
        with hub.services.database.write() as tx:
            peers.add(tx, "acme", "http://127.0.0.1:9", key.public, now=clock.now)
        yield Pair(hub, clock, url, key)


def revoke(pair: Pair) -> None:
    with pair.hub.services.database.write() as tx:
        peers.revoke(tx, peers.get(tx, "acme"))


def test_a_peer_is_known_by_its_signature(pair: Pair) -> None:
    with pair.client() as client:
        assert client.get("/x/peer", {"a": "b c/ä", "d": ""}).json()["query"] == "a=b+c%2F%C3%A4&d="
        for path in ("/x/peer", "/x/anyone"):
            answer = client.post(path, b"12345").json()
            assert answer == {"peer": "acme", "state": "trusted", "size": 5, "query": ""}


def test_an_address_may_have_a_path_in_front(pair: Pair) -> None:
    with behind_prefix(pair.url, "/models/tukar") as url, pair.client(url=url) as client:
        assert client.get("/x/peer", {"a": "1"}).json()["peer"] == "acme"
        with client.stream("/x/stream", b"{}") as pieces:
            assert b"".join(pieces) == b"".join(PIECES)


def test_who_is_not_trusted_is_told_one_thing(pair: Pair) -> None:
    stranger, path = SigningKey.generate(), "/x/peer"
    told = []
    for key, before in ((stranger, None), (pair.key, revoke), (stranger, None), (pair.key, remove)):
        if before is not None:
            before(pair)
        with pair.client(key=key) as client, pytest.raises(Refused) as caught:
            client.post(path, b"{}")
        told.append((type(caught.value), caught.value.message))
    forged = httpx.post(f"{pair.url}{path}", headers=forged_header(pair, path))
    assert forged.status_code == 403
    assert set(told) == {(Refused, forged.json()["error"])}


def remove(pair: Pair) -> None:
    with pair.hub.services.database.write() as tx:
        peers.remove(tx, peers.get(tx, "acme"))


def forged_header(pair: Pair, path: str) -> dict[str, str]:
    sha256 = hashlib.sha256(b"").hexdigest()
    sender = pair.key.public.fingerprint
    call = Call(sender, pair.receiver, "POST", path, sha256, int(pair.clock.now), "0" * 32)
    return {"Authorization": authorisation.signed(call, SigningKey.generate())}


def test_the_last_words_of_who_was_a_peer_are_heard(pair: Pair) -> None:
    for ending, state in ((revoke, "revoked"), (remove, "removed")):
        ending(pair)
        with pair.client() as client:
            assert client.post("/x/anyone", b"{}").json()["state"] == state
            with pytest.raises(Invalid, match="more than 10 bytes"):
                client.post("/x/anyone", b"x" * 11)
    with pair.client(key=SigningKey.generate()) as client, pytest.raises(Refused):
        client.post("/x/anyone", b"{}")


def test_a_captured_request_is_worth_nothing(pair: Pair) -> None:
    header = pair.header(b"{}")
    url = f"{pair.url}/x/peer"
    for body, method, target in (
        (b"{}", "PUT", url),
        (b"{}", "POST", f"{url}?a=1"),
        (b"{}", "POST", f"{pair.url}/x/anyone"),
        (b"{}", "POST", f"{pair.url}/x/%70eer"),
    ):
        assert httpx.request(method, target, content=body, headers=header).status_code in (401, 404, 405)
    assert httpx.post(url, content=b"{}", headers=header).status_code == 200
    again = httpx.post(url, content=b"{}", headers=header)
    assert again.status_code == 401
    assert "came before" in again.json()["error"]
    other = pair.header(b"{}", nonce="1" * 32)
    assert httpx.post(url, content=b"{} ", headers=other).status_code == 401


def test_a_signature_is_no_token_and_a_token_no_signature(pair: Pair) -> None:
    assert httpx.get(f"{pair.url}/api/tukar/peers", headers=pair.header()).status_code == 401
    token = {"Authorization": f"Bearer {pair.hub.new_admin_token}"}
    assert httpx.get(f"{pair.url}/api/tukar/peers", headers=token).status_code == 200
    for headers in (token, {}, {"Authorization": ""}, {"Authorization": "Tukar-Hub " + "A" * 60_000}):
        assert httpx.post(f"{pair.url}/x/peer", headers=headers).status_code == 401
    twice = [("Authorization", pair.header()["Authorization"]), ("Authorization", token["Authorization"])]
    assert httpx.post(f"{pair.url}/x/peer", headers=twice).status_code == 401


def test_clocks_that_differ_are_told_of(pair: Pair) -> None:
    theirs = Clock(pair.clock.now - 1000)
    with pair.client(clock=theirs) as client, pytest.raises(Unauthenticated) as caught:
        client.post("/x/peer", b"{}")
    assert str(int(theirs.now)) in caught.value.message
    assert str(int(pair.clock.now)) in caught.value.message
    assert "HF_TOKEN" not in f"{caught.value.hint}"


def test_a_new_key_of_the_asked_hub_is_to_be_followed(pair: Pair) -> None:
    known = pair.receiver
    with pair.hub.services.database.write() as tx:
        identity.rotate(tx, pair.clock.now)
    with pair.client(peer=known) as client, pytest.raises(OutdatedKey):
        client.post("/x/peer", b"{}")
    document = fetch_identity(pair.url)
    assert known in {key.fingerprint for key in document.keys}
    with pair.client(peer=document.current.fingerprint) as client:
        assert client.post("/x/peer", b"{}").json()["peer"] == "acme"


def test_a_peer_revoked_while_its_body_comes_gets_nothing(pair: Pair) -> None:
    body = b"{}"
    call = pair.header(body, path="/x/meanwhile")

    def slowly() -> Iterator[bytes]:
        yield body[:1]
        revoke(pair)
        yield body[1:]

    sent = httpx.post(f"{pair.url}/x/meanwhile", content=slowly(), headers=call)
    assert sent.status_code == 403


def test_bodies_are_bounded_and_those_of_strangers_unread(pair: Pair) -> None:
    with pair.client() as client:
        assert client.post("/x/peer", bytes(BODY_LIMIT)).json()["size"] == BODY_LIMIT
        with pytest.raises(Invalid, match="the body has more"):
            client.post("/x/peer", bytes(BODY_LIMIT + 1))
    # A stranger is answered although the body never ends.
    with begun(pair, "/x/peer", {}) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_a_captured_request_is_refused_before_its_body_is_read(pair: Pair) -> None:
    header = pair.header(b"{}")
    httpx.post(f"{pair.url}/x/peer", content=b"{}", headers=header).raise_for_status()
    with begun(pair, "/x/peer", header) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_does_not_come_is_cut_off(pair: Pair) -> None:
    with begun(pair, "/x/soon", pair.header(b"", path="/x/soon"), b"some") as connection:
        told = b"".join(iter(lambda: connection.recv(1000), b""))  # until the hub hangs up
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"did not come within" in told


def test_only_so_many_bodies_of_one_peer_are_read_at_once(pair: Pair) -> None:
    """A peer that leaves its bodies unfinished keeps itself waiting, and nobody else."""
    other = SigningKey.generate()
    with pair.hub.services.database.write() as tx:
        peers.add(tx, "other", "http://127.0.0.1:9", other.public, now=0.0)
    with ExitStack() as stack:
        unfinished = [
            stack.enter_context(begun(pair, "/x/peer", pair.header(b"{}", nonce=f"{number:032x}"), b"{"))
            for number in range(AT_ONCE)
        ]
        until(lambda: spent(pair) == AT_ONCE)
        more = stack.enter_context(begun(pair, "/x/peer", pair.header(b"{}", nonce="f" * 32), b" " * 1000))
        until(lambda: spent(pair) == AT_ONCE + 1)
        with pair.client(key=other) as client:
            assert client.post("/x/peer", b"{}").json()["peer"] == "other"
        assert select.select([more], [], [], 0)[0] == [], "it waits, unread"
        for each in unfinished:
            each.close()
        assert more.recv(1000).startswith(b"HTTP/1.1 401 "), "its turn came, and its body is not the one it signed"


def spent(pair: Pair) -> int:
    with pair.hub.services.database.read() as tx:
        return len(tx.execute(sa.select(nonces)).all())


def begun(pair: Pair, path: str, headers: dict[str, str], some: bytes = b"") -> socket.socket:
    """A connection on which a request has begun, with some of its body of 1000 bytes."""
    connection = socket.create_connection((httpx.URL(pair.url).host, httpx.URL(pair.url).port or 80), 20)
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Length: 1000", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + some)
    return connection


@pytest.mark.parametrize("length", [True, False])
def test_an_answer_comes_piece_by_piece(pair: Pair, length: bool) -> None:
    with pair.client() as client:
        for _ in range(2):  # each is signed anew
            with client.stream("/x/stream", json.dumps({"length": length}).encode()) as pieces:
                assert b"".join(pieces) == b"".join(PIECES)


def test_errors_of_a_stream_are_the_other_hub_s(pair: Pair) -> None:
    with (
        pair.client() as client,
        pytest.raises(NotFound, match="no such swap"),
        client.stream("/x/stream", b'{"missing": true}'),
    ):
        pass
    with pair.client(key=SigningKey.generate()) as client, pytest.raises(Refused), client.stream("/x/stream", b"{}"):
        pass


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
ENDINGS: dict[str, bytes] = {
    "before the answer": b"",
    "within the headers": b"HTTP/1.1 200 OK\r\nConte",
    "before the announced length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde",
    "within a chunk": CHUNKED + b"5\r\nab",
    "between two chunks": CHUNKED,
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "busy": b"HTTP/1.1 503 X\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
}


def drawn(url: str) -> bytes:
    with client_of(url) as client, client.stream("/x", b"{}") as pieces:
        return b"".join(pieces)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_stream_that_ends_early_is_cut(ending: str) -> None:
    with answering(ENDINGS[ending]) as url, pytest.raises(Cut) as caught:
        drawn(url)
    assert isinstance(caught.value, Unavailable)
    assert url in str(caught.value.hint)


FALSE: dict[str, tuple[bytes, type[TukarError]]] = {
    "elsewhere": (b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", Invalid),
    "a file": (b"HTTP/1.1 307 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", Invalid),
    "not known": (b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", NotFound),
    "nothing": (b"", Unavailable),
}


@pytest.mark.parametrize("answer", FALSE)
def test_nobody_is_sent_elsewhere(answer: str) -> None:
    told, error = FALSE[answer]
    asks: list[Callable[[HubClient], object]] = [
        lambda client: client.get("/x"),
        lambda client: client.post("/x", b"{}"),
        lambda client: client.stream("/x", b"{}").__enter__(),
    ]
    with answering(told) as url, client_of(url) as client:
        for ask in asks:
            with pytest.raises(error):
                ask(client)
    with answering(told) as url, pytest.raises(error):
        fetch_identity(url)


def test_a_silent_hub_is_given_up() -> None:
    asks: list[Callable[[HubClient], object]] = [
        lambda client: client.get("/x"),
        lambda client: client.post("/x", b"{}"),
        lambda client: client.stream("/x", b"{}").__enter__(),
    ]
    with listen() as listener:  # connections wait there for ever
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for ask in asks:
            with client_of(url, patience=0.05) as client, pytest.raises(Unavailable):
                ask(client)


def test_a_stream_that_falls_silent_is_cut() -> None:
    with listen() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = client_of(url, patience=0.5)

        def say_a_little() -> socket.socket:
            connection, _ = listener.accept()
            connection.sendall(CHUNKED)
            return connection

        with ThreadPoolExecutor(1) as pool:
            said = pool.submit(say_a_little)
            with client, client.stream("/x", b"{}") as pieces, said.result(), pytest.raises(Cut):
                b"".join(pieces)


def test_what_is_no_identity_is_refused() -> None:
    for body in (b"{}", b"<html>", b"[" * 100_000, b"0" * (1 << 21)):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        with answering(answer) as url, pytest.raises(Invalid):
            fetch_identity(url)


def client_of(url: str, patience: float = 60.0) -> HubClient:
    key = SigningKey.generate()
    return HubClient(url, key, SigningKey.generate().public.fingerprint, patience=patience)
