"""Uploads that break off, never end, or find no room: nothing stays behind, and the hub goes on."""

import logging
import secrets
import socket
from collections.abc import Iterator

import httpx
import pytest

from tukar.testing.xet import MadeXorb, made_file, made_shard

from .site import Site
from .test_streams import until


def targets(site: Site) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Where bodies go that are spooled: method, path, headers."""
    repository = site.repository()
    (item,) = site.batch(repository, [("5" * 64, 100_000)]).json()["objects"]
    xet = site.xet("write", repository, "alice")
    base = xet.url.removeprefix(site.url)
    return {
        "LFS": ("PUT", item["actions"]["upload"]["href"].removeprefix(site.url), {}),
        "commit": ("POST", f"/api/models/{repository}/commit/main", site.headers("alice")),
        "xorb": ("POST", f"{base}/v1/xorbs/default/{'5' * 64}", xet.headers),
        "shard": ("POST", f"{base}/v1/shards", xet.headers),
        "shard v2": ("POST", f"{base}/v2/shards", xet.headers),
    }


KINDS = ["LFS", "commit", "xorb", "shard", "shard v2"]


def begin(site: Site, kind: str, framing: str) -> socket.socket:
    """A connection on which a request has begun, with some of its body."""
    method, path, headers = targets(site)[kind]
    url = httpx.URL(site.url)
    connection = socket.create_connection((url.host, url.port), timeout=30)
    lines = [f"{method} {path} HTTP/1.1", "Host: hub", framing, *(f"{key}: {value}" for key, value in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_that_breaks_off_leaves_nothing(site: Site, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    before = site.spooled()
    connection = begin(site, kind, "Content-Length: 90000")
    connection.sendall(b"x" * 1000)
    until(lambda: len(site.spooled()) > len(before))
    connection.close()
    until(lambda: site.spooled() == before)
    assert site.get("/ready").status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("kind", "limit"), [("LFS", 100_000), ("xorb", 68 << 20), ("shard", 65 << 20)])
def test_an_upload_without_an_end_is_ended(site: Site, kind: str, limit: int) -> None:
    before = site.spooled()
    with begin(site, kind, "Transfer-Encoding: chunked") as connection:
        block = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        for _ in range((limit >> 20) + 2):
            connection.sendall(block)
        assert connection.recv(12) == b"HTTP/1.1 413"
        assert site.spooled() == before


def test_a_json_body_without_an_end_is_ended(site: Site) -> None:
    def endless() -> Iterator[bytes]:
        yield b"["
        for _ in range(20):
            yield b"1," * (1 << 19)

    answer = site.post("/api/repos/create", "alice", content=endless())
    assert answer.status_code == 413
    answer = site.post(f"/api/models/{site.repository()}/paths-info/main", content=endless())
    assert answer.status_code == 413


def unfinished(site: Site, path: str, headers: dict[str, str], some: bytes) -> socket.socket:
    """A connection on which a request of 3 MB has begun, with some of its body."""
    url = httpx.URL(site.url)
    connection = socket.create_connection((url.host, url.port), timeout=30)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: hub",
        "Content-Length: 3000000",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + some)
    return connection


NEEDS_A_USER = [
    "/api/repos/create",
    "/api/models/{repository}/preupload/main",
    "/api/models/{repository}/objects/uploads/" + "0" * 64 + "/missing",
    "/api/models/{repository}/objects/uploads/" + "0" * 64 + "/files",
    "/api/tukar/users",
    "/api/tukar/peers",
    "/api/tukar/swaps",
    "/api/tukar/requests",
    "/api/tukar/jobs",
]


@pytest.mark.parametrize("path", NEEDS_A_USER)
def test_who_may_not_send_a_body_is_told_before_it_comes(site: Site, path: str) -> None:
    path = path.format(repository=site.repository())
    for headers in ({}, {"Authorization": "Bearer nobody-s"}):
        with unfinished(site, path, headers, b"") as connection:
            assert connection.recv(12) in (b"HTTP/1.1 401", b"HTTP/1.1 403")


def test_a_large_body_waits_in_a_file_and_not_in_memory(site: Site) -> None:
    """For however long it takes to come: what it holds is a place on the disk."""
    before = site.spooled()
    with unfinished(site, "/api/repos/create", site.headers("alice"), b" " * 1_000_000):
        until(lambda: sum(path.stat().st_size for path in set(site.spooled()) - set(before)) >= 700_000)
    until(lambda: site.spooled() == before)


def test_a_large_body_is_answered_like_a_small_one(site: Site) -> None:
    before = site.spooled()
    body = b" " * 1_000_000 + b'{"name": "spacious"}'
    assert site.post("/api/repos/create", "alice", content=body).status_code == 200
    assert site.spooled() == before


def test_a_line_of_a_commit_has_an_end(site: Site) -> None:
    def line() -> Iterator[bytes]:
        yield b'{"key": "header", "value": {"summary": "'
        for _ in range(22):
            yield b"x" * (1 << 20)

    answer = site.post(f"/api/models/{site.repository()}/commit/main", "alice", content=line())
    assert answer.status_code == 400
    assert "line" in answer.json()["error"]


def test_a_body_that_is_shorter_than_announced_is_no_request(site: Site) -> None:
    with begin(site, "LFS", "Content-Length: 10") as connection:
        connection.sendall(b"12345")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(12) in (b"", b"HTTP/1.1 400")
    assert site.get("/ready").status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_where_there_is_no_room_clients_are_told_to_come_again(own_site: Site, kind: str) -> None:
    method, path, headers = targets(own_site)[kind]
    own_site.hub.spool.rmdir()  # as good as a disk that fails
    answer = own_site.http.request(method, path, headers=headers, content=b"x" * 1000)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    own_site.hub.spool.mkdir()
    assert own_site.http.request(method, path, headers=headers, content=b"x" * 1000).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused_leaves_nothing(site: Site, kind: str) -> None:
    method, path, headers = targets(site)[kind]
    before = site.spooled()
    for body in (b"", b"x", secrets.token_bytes(5000), b"\x00" * 5000):
        answer = site.http.request(method, path, headers=headers, content=body)
        assert answer.status_code == 400
        assert site.spooled() == before


# Xorbs and shards that are not what they should be


def test_a_xorb_is_what_its_hash_says(site: Site) -> None:
    xet = site.xet("write", site.repository(), "alice")
    made, other = MadeXorb((b"a" * 100,)), MadeXorb((b"b" * 100,))
    assert xet.post_xorb(made, other.body).status_code == 400
    assert xet.post_xorb(made, made.body[:-1]).status_code == 400
    assert xet.post_xorb(made, made.body + b"\x00").status_code == 400
    assert xet.post_shard(made_shard(made_file(made.run()))).status_code == 400
    assert xet.post_xorb(made).status_code == 200


@pytest.mark.parametrize("name", ["", "5", "g" * 64, "5" * 63, "5" * 65, "A" * 64, "%00", "..%2f" * 20])
def test_a_xorb_has_a_hash(site: Site, name: str) -> None:
    xet = site.xet("write", site.repository(), "alice")
    answer = site.http.post(f"{xet.url}/v1/xorbs/default/{name}", content=b"x", headers=xet.headers)
    assert answer.status_code in (400, 404)


def test_any_byte_of_a_shard_may_be_wrong(site: Site) -> None:
    xet = site.xet("write", site.repository(), "alice")
    made = MadeXorb((b"a" * 100, b"b" * 50))
    xet.post_xorb(made).raise_for_status()
    good = made_shard(made_file(made.run()), xorbs=[made])
    for at in range(0, len(good), 29):
        for version in ("v1", "v2"):
            bad = good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :]
            assert xet.post_shard(bad, version).status_code in (200, 400)
    for cut in range(0, len(good), 48):
        assert xet.post_shard(good[:cut]).status_code == 400
    assert xet.post_shard(good).json() == {"result": 1}


def test_a_shard_without_sha256_is_refused(site: Site) -> None:
    xet = site.xet("write", site.repository(), "alice")
    made = MadeXorb((b"a" * 100,))
    xet.post_xorb(made).raise_for_status()
    file = made_file(made.run())
    bare = type(file)(file.hash, file.terms, file.verification, None)
    answer = xet.post_shard(made_shard(bare))
    assert answer.status_code == 400
    assert "sha256" in answer.json()["error"]


def test_a_shard_does_not_ask_for_more_than_the_hub_takes(site: Site) -> None:
    """A few kilobytes that name the same chunks over and over make a file without end."""
    xet = site.xet("write", site.repository(), "alice")
    made = MadeXorb(tuple(bytes([number % 256]) for number in range(8192)))
    xet.post_xorb(made).raise_for_status()
    file = made_file(made.run())
    many = type(file)(file.hash, file.terms * 2049, None, file.sha256)
    answer = xet.post_shard(made_shard(many))
    assert answer.status_code == 400
    assert "chunks" in answer.json()["error"]
