"""A disk that is full, read-only or broken: nothing half is left, and the error says what to do.

Full and read-only disks are real ones, small, in a mount namespace of their own.
"""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tukar.errors import Unavailable
from tukar.storage.folder import FolderStorage
from tukar.testing.storage import get, give_up, put

SMALL_DISK = 'mount -t tmpfs -o size=256k,nr_inodes=20 tmpfs "$1" && exec "$2" -c "$3" "$1"'

BEGIN = """
import os, subprocess, sys
from pathlib import Path
from tukar.errors import Unavailable
from tukar.storage.folder import FolderStorage

def put(key, data):
    with storage.create(key) as blob:
        for start in range(0, len(data), 10_000):
            blob.write(data[start : start + 10_000])

def refused(key, data):
    try:
        put(key, data)
    except Unavailable as error:
        return error.hint
    raise SystemExit(f"{key} was stored")

root = Path(sys.argv[1])
storage = FolderStorage(root)
put("packs/small", b"x" * 10_000)
"""

FULL = """
assert "free some space" in refused("packs/large", b"x" * 500_000)
assert [found.key for found in storage.list()] == ["packs/small"]
assert os.listdir(root / "tmp") == []
put("packs/fits", b"y" * 100_000)
assert storage.read("packs/fits", 0, 100_000) == b"y" * 100_000
"""

NO_INODES = """
for number in range(30):
    (root / f"filler{number}").touch() if os.statvfs(root).f_ffree else None
assert "free some space" in refused("packs/other", b"x")
(root / "filler0").unlink()
assert "free some space" in refused("new/other", b"x")
assert {found.key for found in storage.list("packs/")} == {"packs/small"}
assert os.listdir(root / "tmp") == []
"""

READ_ONLY = """
subprocess.run(["mount", "-o", "remount,ro", root], check=True)
assert "read-only" in refused("packs/other", b"x")
try:
    storage.delete("packs/small")
except Unavailable as error:
    assert "read-only" in error.hint
else:
    raise SystemExit("it was deleted")
assert storage.read("packs/small", 0, 10_000) == b"x" * 10_000
assert [found.key for found in FolderStorage(root).list()] == ["packs/small"]
"""


@pytest.mark.parametrize("what", [FULL, NO_INODES, READ_ONLY], ids=["full", "no inodes", "read-only"])
def test_a_disk_that_takes_no_more(tmp_path: Path, what: str) -> None:
    in_namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-ec"]
    probe = subprocess.run([*in_namespace, 'mount -t tmpfs tmpfs "$1"', "sh", tmp_path], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("mounting is not permitted here")
    script = [*in_namespace, SMALL_DISK, "sh", tmp_path, sys.executable, BEGIN + what]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def failing_fsync(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Which fsyncs fail as those of a broken disk do: of files, of folders."""
    failing = {"file": False, "folder": False}
    real = os.fsync

    def fsync(fd: int) -> None:
        if failing["folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    return failing


def record_fsyncs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is fsynced from now on, in order."""
    synced = []
    inner = os.fsync

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        inner(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    return synced


def test_a_blob_whose_content_cannot_be_synced_stays_invisible(tmp_path: Path, failing_fsync: dict[str, bool]) -> None:
    storage = FolderStorage(tmp_path)
    put(storage, "a", b"old")
    failing_fsync["file"] = True
    with pytest.raises(Unavailable, match="Input/output error") as caught:
        put(storage, "a", b"new")
    assert "disk" in str(caught.value.hint)
    assert get(storage, "a") == b"old"
    assert storage.sweep() == 0


def test_a_folder_that_cannot_be_synced_is_synced_by_the_next_write(
    tmp_path: Path, failing_fsync: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FolderStorage(tmp_path)
    failing_fsync["folder"] = True
    with pytest.raises(Unavailable):
        put(storage, "packs/a", b"bytes")
    failing_fsync["folder"] = False
    synced = record_fsyncs(monkeypatch)
    put(storage, "packs/a", b"bytes")
    assert {tmp_path, tmp_path / "packs"} <= set(synced)


def test_a_folder_is_synced_by_its_parent_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FolderStorage(tmp_path)
    put(storage, "packs/ab/a", b"bytes")
    synced = record_fsyncs(monkeypatch)
    put(storage, "packs/ab/b", b"bytes")
    assert len(synced) == 2
    assert synced[0].parent == tmp_path / "tmp"
    assert synced[1] == tmp_path / "packs/ab"


def test_what_fails_in_the_caller_is_the_callers(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    with pytest.raises(OSError, match="mine") as caught, storage.create("a"):
        raise OSError(errno.ENOSPC, "mine")
    assert not isinstance(caught.value, Unavailable)
    give_up(storage, "a", b"x")
    assert list(storage.list()) == []
