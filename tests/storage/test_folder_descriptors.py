"""A folder store keeps a few files open, never more, and never reads one that is gone."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tukar.errors import NotFound
from tukar.storage.folder import FolderStorage
from tukar.testing.storage import get, put


def open_files(folder: Path) -> list[str]:
    """What this process has open in ``folder``, itself included."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            links.append(str(descriptor.readlink()))
    return [link for link in links if link.startswith(str(folder))]


def test_the_number_of_open_files_is_bounded(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    for number in range(200):
        (tmp_path / f"{number:03d}").write_bytes(b"%d" % number)
    for number in range(200):
        get(storage, f"{number:03d}")
    assert 10 < len(open_files(tmp_path)) < 140


def test_a_storage_that_is_let_go_closes_its_files(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    put(storage, "a/b", b"x")
    assert get(storage, "a/b") == b"x"
    assert str(tmp_path / "a/b") in open_files(tmp_path)
    del storage
    assert open_files(tmp_path) == []


def test_what_another_process_deleted_is_not_found(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    put(storage, "a", b"bytes")
    assert get(storage, "a") == b"bytes"
    (tmp_path / "a").unlink()
    with pytest.raises(NotFound):
        storage.read("a", 0, 1)


def test_what_another_process_replaced_is_read_anew(tmp_path: Path) -> None:
    storage, other = FolderStorage(tmp_path), FolderStorage(tmp_path)
    put(storage, "a", b"old")
    assert get(storage, "a") == b"old"
    put(other, "a", b"newer")
    assert get(storage, "a") == b"newer"


def test_a_deleted_blob_gives_its_space_back(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    put(storage, "a", b"bytes")
    get(storage, "a")
    storage.delete("a")
    assert not [link for link in open_files(tmp_path) if link.endswith("(deleted)")]


FEW = """
import resource, sys
from pathlib import Path
from tukar.errors import Unavailable
from tukar.storage.folder import FolderStorage

storage = FolderStorage(Path(sys.argv[1]))
for number in range(60):
    assert storage.read(f"{number:03d}", 0, 1) == b"x"  # the files kept open give way to the new one
others = []
try:
    while True:
        others.append(open("/dev/null"))
except OSError:
    pass
for number in range(60):
    assert storage.read(f"{number:03d}", 0, 1) == b"x"
while True:  # now not even those
    try:
        others.append(open("/dev/null"))
    except OSError:
        try:
            storage.read("000", 0, 1)
            with storage.create("new") as blob:
                blob.write(b"x")
        except Unavailable as error:
            assert "ulimit" in error.hint, error.hint
            break
others.clear()
assert storage.read("000", 0, 1) == b"x"
assert all(storage.read(found.key, 0, found.size) == b"x" for found in storage.list())
assert storage.sweep() == 0
"""


def test_too_many_open_files_are_survived_or_explained(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number:03d}").write_bytes(b"x")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    subprocess.run(
        [sys.executable, "-c", FEW, tmp_path],
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard)),
    )
