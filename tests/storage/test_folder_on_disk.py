"""What a folder store leaves on the disk, and what it makes of what others put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tukar.errors import Conflict, NotFound, Unavailable
from tukar.storage.base import Stat
from tukar.storage.folder import FolderStorage
from tukar.testing.storage import get, give_up, put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store"


@pytest.fixture
def storage(root: Path) -> FolderStorage:
    return FolderStorage(root)


def test_the_key_is_the_path(storage: FolderStorage, root: Path) -> None:
    put(storage, "packs/ab/abcd", b"bytes")
    assert (root / "packs/ab/abcd").read_bytes() == b"bytes"


def test_what_was_written_is_there_after_a_restart(storage: FolderStorage, root: Path) -> None:
    put(storage, "packs/ab/abcd", b"bytes")
    assert get(FolderStorage(root), "packs/ab/abcd") == b"bytes"


def test_no_temporary_file_stays(storage: FolderStorage, root: Path) -> None:
    put(storage, "a", b"bytes")
    give_up(storage, "b", b"bytes")
    assert list((root / "tmp").iterdir()) == []


def test_sweep_removes_what_unfinished_writes_left(storage: FolderStorage, root: Path) -> None:
    put(storage, "tmpx/a", b"bytes")
    for name in ("0123", "4567"):
        (root / "tmp" / name).write_bytes(b"half")
    again = FolderStorage(root)
    assert list(again.list()) == [Stat("tmpx/a", 5)]
    assert again.sweep() == 2
    assert list((root / "tmp").iterdir()) == []
    assert again.sweep() == 0
    assert get(again, "tmpx/a") == b"bytes"


def test_a_blob_does_not_lie_below_another(storage: FolderStorage) -> None:
    put(storage, "a/b", b"bytes")
    for key in ("a/b/c", "a"):
        with pytest.raises(Conflict):
            put(storage, key, b"x")
    assert list(storage.list()) == [Stat("a/b", 5)]


def test_files_that_cannot_be_blobs_are_not_listed(storage: FolderStorage, root: Path) -> None:
    put(storage, "a", b"bytes")
    (root / ".nfs0001").write_bytes(b"x")
    (root / "lost+found").mkdir()
    (root / "lost+found" / "x").write_bytes(b"x")
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    assert list(storage.list()) == [Stat("a", 5)]


@pytest.mark.parametrize("key", ["folder", "pipe"])
def test_what_is_not_a_file_is_not_found(storage: FolderStorage, root: Path, key: str) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    with pytest.raises(NotFound):
        storage.read(key, 0, 0)
    with pytest.raises(NotFound):
        storage.stat(key)


def test_a_folder_that_somebody_removed_is_made_again(storage: FolderStorage, root: Path) -> None:
    put(storage, "packs/ab/a", b"first")
    (root / "packs/ab/a").unlink()
    (root / "packs/ab").rmdir()
    with pytest.raises(Unavailable):  # once: what was known about the folders is out of date
        put(storage, "packs/ab/b", b"second")
    put(storage, "packs/ab/b", b"second")
    assert get(storage, "packs/ab/b") == b"second"


def test_a_file_in_place_of_the_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        FolderStorage(tmp_path / "file")
