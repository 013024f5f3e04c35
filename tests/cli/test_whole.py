"""Files that commands leave: whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tukar.cli import whole
from tukar.errors import Conflict, Invalid, NotFound

_PAGE = b"<!doctype html"


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can have more bytes: what a full disk says, at a place of our choice."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_the_rights_that_files_have(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        whole.write(tmp_path / "a", b"some")
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"some"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("size", [4, 4096, 100_000])
@pytest.mark.parametrize("left", [0, 1, 3])
def test_without_room_nothing_is_left(size: int, left: int, tmp_path: Path) -> None:
    with room(left * size // 4), pytest.raises(OSError, match="File too large") as failed:
        whole.write(tmp_path / "a", bytes(size))
    assert failed.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == []


def test_without_room_what_was_there_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(_PAGE + b">old")
    with room(10), pytest.raises(OSError, match="File too large"):
        whole.write(page, _PAGE + b">new", _PAGE)
    assert page.read_bytes() == _PAGE + b">old"
    assert names(tmp_path) == ["page.html"]
    whole.write(page, _PAGE + b">new", _PAGE)
    assert page.read_bytes() == _PAGE + b">new"


@pytest.mark.parametrize("begins", [None, _PAGE])
def test_what_is_there_is_not_replaced(begins: bytes | None, tmp_path: Path) -> None:
    there = tmp_path / "model.safetensors"
    there.write_bytes(b"weights")
    for act in (lambda: whole.check(there, begins), lambda: whole.write(there, b"other", begins)):
        with pytest.raises(Conflict, match="is there already"):
            act()
    assert there.read_bytes() == b"weights"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Conflict):
        whole.write(tmp_path / "dangling", b"other", begins)
    assert names(tmp_path) == ["dangling", "model.safetensors"]


def test_what_came_in_the_meantime_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "check", lambda *_: None)
    (tmp_path / "a").write_bytes(b"theirs")
    with pytest.raises(Conflict):
        whole.write(tmp_path / "a", b"ours")
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert names(tmp_path) == ["a"]


def test_where_files_have_one_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    whole.write(tmp_path / "a", b"some")
    assert (tmp_path / "a").read_bytes() == b"some"
    assert names(tmp_path) == ["a"]


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no folder"):
        whole.check(tmp_path / "no" / "a")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Invalid, match="is no folder"):
        whole.check(tmp_path / "file" / "a")
