"""A hub that lies gets nothing onto the disk, and no token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .fake import COMMIT, REPOSITORY, FakeHub, Request, entry, regular
from .files import contents, noise
from .hub import Commands, Ran

GOOD = noise(3, 1000)


def _pull(deceived: Commands, tmp_path: Path) -> Ran:
    return deceived("pull", REPOSITORY, "--to", tmp_path / "in" / "target")


def _assert_refused(done: Ran, tmp_path: Path, told: str) -> None:
    assert done.code == 1, done.stdout
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "in").exists() or list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/tmp/x", "a/../../x", "a//b", "./x", "a/..", "a\\b", "a\x00b", "", "a/", "\ud800"),
        *(".git/config", "a/.GIT/config", ".tukar/snapshot.json", ".TUKAR/lock"),
    ],
)
def test_paths_that_lead_elsewhere(deceived: Commands, fake: FakeHub, tmp_path: Path, path: str) -> None:
    fake.tree = [entry("good.bin", GOOD), entry(path, GOOD)]
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "tukar: ")
    assert [path for _, path, _ in fake.requests if "/resolve/" in path] == []


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_paths_that_exclude_each_other(
    deceived: Commands, fake: FakeHub, tmp_path: Path, paths: tuple[str, str]
) -> None:
    fake.tree = [entry(path, GOOD) for path in paths]
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "would be")


def _serves(content: bytes, **headers: str) -> Callable[[Request], None]:
    return lambda request: request.answer(200, content, **headers)


def test_other_bytes(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    fake.tree = [entry("w.bin", GOOD)]
    fake.says("/resolve/", _serves(GOOD[:-1] + b"!"))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "are not sha256:")


def test_other_bytes_of_a_regular_file(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    fake.tree = [regular("a.txt", GOOD)]
    fake.says("/resolve/", _serves(GOOD[:-1] + b"!"))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "are not git-blob:")


@pytest.mark.parametrize("sent", [GOOD[:-1], GOOD + b"!"])
def test_another_size(deceived: Commands, fake: FakeHub, tmp_path: Path, sent: bytes) -> None:
    fake.tree = [entry("w.bin", GOOD)]
    fake.says("/resolve/", _serves(sent))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, f"lists 1000 bytes, and sends {len(sent)}")


def test_a_size_that_no_disk_has(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    fake.tree = [entry("w.bin", GOOD, size=1 << 60)]
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "has room for")


def test_a_body_without_end_is_left_once_the_file_should_be_whole(
    deceived: Commands, fake: FakeHub, tmp_path: Path
) -> None:
    sent = 0

    def endless(request: Request) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        while True:
            sent += request.wfile.write(b"\0" * (1 << 20))

    fake.tree = [entry("w.bin", GOOD)]
    fake.says("/resolve/", endless)
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "are not sha256:")
    assert sent < 64 << 20


def test_an_answer_without_end(
    deceived: Commands, fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.exchange.http._REPLY_LIMIT", 1 << 20)

    def endless(request: Request) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b" " * (1 << 16))

    fake.says("/tree/", endless)
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "more than 1048576 bytes")


def test_a_list_without_end(deceived: Commands, fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tukar.exchange.http._PAGES_LIMIT", 5)
    fake.says("/tree/", lambda r: r.answer_json([], Link=f'<{fake.url}{r.path}>; rel="next"'))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "more than 5 pages")


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1, "text", {}, [1], [{"type": "file"}], [{"type": "file", "path": 7}]),
        [{**regular("a", b""), "size": -1}],
        [{**regular("a", b""), "oid": "xyz"}],
        [{**entry("a", b""), "lfs": {"oid": "../" * 20, "size": 1}}],
        [{**entry("a", b""), "lfs": 7}],
    ],
)
def test_trees_that_make_no_sense(deceived: Commands, fake: FakeHub, tmp_path: Path, value: Any) -> None:
    fake.says("/tree/", lambda request: request.answer_json(value))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "makes no sense")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b"\xff\xfe", json.dumps({"sha": "../x"}).encode()])
def test_revisions_that_make_no_sense(deceived: Commands, fake: FakeHub, tmp_path: Path, body: bytes) -> None:
    fake.says("/revision/", _serves(body))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "makes no sense")


@pytest.mark.parametrize("location", ["http://[", "ftp://127.0.0.1/", "file:///etc/passwd", "http://x:y/"])
def test_redirects_to_nowhere(deceived: Commands, fake: FakeHub, tmp_path: Path, location: str) -> None:
    fake.tree = [entry("w.bin", GOOD)]
    fake.says("/resolve/", lambda request: request.answer(302, b"", Location=location))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "makes no sense")


def test_redirects_in_a_circle(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    fake.tree = [entry("w.bin", GOOD)]
    fake.says("/resolve/", lambda request: request.answer(302, b"", Location=request.path))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "redirects")


def test_another_host_may_serve_a_file_and_does_not_see_the_token(
    deceived: Commands, fake: FakeHub, tmp_path: Path
) -> None:
    other = FakeHub()
    other.says("GET /signed", _serves(GOOD))
    fake.tree = [entry("w.bin", GOOD)]
    fake.says("/resolve/", lambda request: request.answer(302, b"", Location=f"{other.url}/signed?x=1"))
    assert _pull(deceived, tmp_path).code == 0
    assert contents(tmp_path / "in/target") == {"w.bin": GOOD}
    assert ["Authorization" in headers for _, _, headers in other.requests] == [False]
    assert all("Authorization" in headers for _, _, headers in fake.requests)
    other.close()


def test_another_host_may_not_go_on_with_a_list(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    other = FakeHub()
    fake.says("/tree/", lambda request: request.answer_json([], Link=f'<{other.url}/next>; rel="next"'))
    _assert_refused(_pull(deceived, tmp_path), tmp_path, "another host")
    assert other.requests == []
    other.close()


def test_what_a_hub_says_cannot_command_the_terminal(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    fake.says("/revision/", lambda request: request.answer_json({"error": "\x1b[2J\x07 gone\n\rwrong"}, 404))
    done = _pull(deceived, tmp_path)
    assert "gone" in done.stderr
    assert done.stderr.count("\n") <= 2
    assert {"\x1b", "\x07", "\r"}.isdisjoint(done.stderr)


def test_a_file_is_of_the_commit_that_was_listed(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    assert _pull(deceived, tmp_path).code == 0
    asked = [path for _, path, _ in fake.requests if "/resolve/" in path or "/tree/" in path]
    assert all(f"/{COMMIT}" in path for path in asked)
    assert contents(tmp_path / "in/target") == fake.files
