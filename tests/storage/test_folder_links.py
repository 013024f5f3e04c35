"""A folder store never reads or writes outside of its root, whatever links lie there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tukar.errors import Conflict, NotFound, Unavailable
from tukar.storage.folder import FolderStorage
from tukar.testing.storage import get, put


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture
def storage(tmp_path: Path, outside: Path) -> FolderStorage:
    storage = FolderStorage(tmp_path / "store")
    put(storage, "packs/aa/blob", b"bytes")
    (tmp_path / "store/link").symlink_to(outside)
    (tmp_path / "store/packs/link").symlink_to(outside)
    (tmp_path / "store/packs/file").symlink_to(outside / "secret")
    (tmp_path / "store/packs/inner").symlink_to("aa/blob")
    return storage


@pytest.mark.parametrize("key", ["link/secret", "packs/link/secret", "packs/file", "packs/inner"])
def test_a_link_is_not_followed_to_read(storage: FolderStorage, key: str) -> None:
    with pytest.raises(NotFound):
        storage.read(key, 0, 1)
    with pytest.raises(NotFound):
        storage.stat(key)


def test_links_are_not_listed(storage: FolderStorage) -> None:
    assert {found.key for found in storage.list()} == {"packs/aa/blob"}
    assert list(storage.list("link/")) == []


@pytest.mark.parametrize("key", ["link/new", "packs/link/new", "packs/link/deep/new"])
def test_a_link_is_not_followed_to_write(storage: FolderStorage, outside: Path, key: str) -> None:
    with pytest.raises(Conflict):
        put(storage, key, b"x")
    assert [path.name for path in outside.iterdir()] == ["secret"]


@pytest.mark.parametrize("key", ["link/secret", "packs/link/secret", "packs/file"])
def test_a_link_is_not_followed_to_delete(storage: FolderStorage, outside: Path, key: str) -> None:
    storage.delete(key)
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_blob_takes_the_place_of_a_link(storage: FolderStorage, outside: Path) -> None:
    put(storage, "packs/file", b"blob")
    assert get(storage, "packs/file") == b"blob"
    assert (outside / "secret").read_bytes() == b"secret"


def test_temporary_files_do_not_go_through_a_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/tmp").symlink_to(outside)
    with pytest.raises(Unavailable):
        FolderStorage(tmp_path / "other")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    put(FolderStorage(tmp_path / "data"), "a", b"bytes")
    assert (tmp_path / "disk/a").read_bytes() == b"bytes"
