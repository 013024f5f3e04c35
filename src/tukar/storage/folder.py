"""Blobs as files in a local folder, safe against power cuts.

What is relied on is what POSIX gives: a file's content is durable once the file was fsynced, an entry of a folder once
the folder was. Hence the order: content into ``tmp/``, fsync of the file, rename into place, fsync of the folder that
now names it; and before that, for a folder that is new or that an earlier process may have left unsynced, fsync of its
parent. The entry in ``tmp/`` needs no fsync: a leftover there harms nothing, and the next start sweeps it away.

    ROOT/tmp/0f3c…            unfinished
    ROOT/packs/9a/9a41…       the blob with the key packs/9a/9a41…

Every folder is opened from its parent without following symbolic links, so nothing outside of the root is ever read or
written; the root itself may be reached through one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tukar.errors import Conflict, Corrupt, NotFound
from tukar.storage.base import Stat, Writer
from tukar.storage.descriptors import Descriptor, OpenFiles
from tukar.storage.keys import TEMPORARY, check_key, check_prefix, check_range, is_component
from tukar.storage.oserrors import os_errors_unavailable, unavailable

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # no waiting for the other end of a pipe that lies there
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
_OPEN_FILES: Final = 128


class FolderStorage:
    """Blobs below ``root``, which is made if it is missing.

    One process at a time may call :meth:`sweep`; everything else may be called from any number of processes.

    Raises:
        Unavailable: the folder cannot be made or opened.
    """

    def __init__(self, root: Path) -> None:
        with os_errors_unavailable(f"open the folder {root}"):
            make_durable(root)
            self._root = Descriptor(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
            with contextlib.suppress(FileExistsError):
                os.mkdir(TEMPORARY, dir_fd=self._root.number)
            self._temporary = Descriptor(os.open(TEMPORARY, _FOLDER, dir_fd=self._root.number))
        self._durable: set[str] = set()  # folders whose way from the root has been fsynced by this process
        self._files = OpenFiles(_OPEN_FILES)

    @contextlib.contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        """Write the blob ``key``; see :class:`~tukar.storage.base.Storage`.

        Conflict if ``key`` lies below another blob, or others below it. If the last step fails, the fsync of the
        folder, the blob may be visible although the call raises Unavailable: writing it again puts that right.
        """
        check_key(key)
        temporary = secrets.token_hex(16)
        with os_errors_unavailable(f"write {key}"):
            writer = _FileWriter(Descriptor(os.open(temporary, _NEW, 0o666, dir_fd=self._temporary.number)), key)
        try:
            yield writer
            with os_errors_unavailable(f"write {key}"):
                writer.finish()
                self._publish(temporary, key)
        except BaseException:
            writer.abandon()
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=self._temporary.number)
            raise

    def read(self, key: str, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop``; NotFound, or Corrupt if there are fewer."""
        check_range(start, stop)
        with self._reading(check_key(key)):
            file, size = self._files.get(key, self._open_blob)
            data = b"" if stop > size else _pread(file, start, stop)
        if stop > size or len(data) != stop - start:
            raise Corrupt(f"{key} has {size} bytes, not {stop}")
        return data

    def stat(self, key: str) -> Stat:
        """A blob's size; NotFound if there is none."""
        folder, _, name = check_key(key).rpartition("/")
        with self._reading(key), self._folder(folder) as parent:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            _check_regular(status)
        return Stat(key, status.st_size)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """All blobs whose key begins with ``prefix``; one that comes or goes meanwhile may or may not be among them."""
        check_prefix(prefix)
        return self._walk(prefix)

    def delete(self, key: str) -> None:
        """Remove a blob; no error if there is none."""
        folder, _, name = check_key(key).rpartition("/")
        try:
            with self._folder(folder) as parent:
                os.unlink(name, dir_fd=parent)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise unavailable(error, f"delete {key}") from error
        self._files.drop(key)

    def sweep(self) -> int:
        """Remove what unfinished writes have left behind; returns how many files that were.

        Only while nothing is being written to this folder, by whatever process.
        """
        with os_errors_unavailable("remove leftovers"), os.scandir(self._temporary.number) as entries:
            leftovers = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
            for name in leftovers:
                os.unlink(name, dir_fd=self._temporary.number)
        return len(leftovers)

    def _publish(self, temporary: str, key: str) -> None:
        folder, _, name = key.rpartition("/")
        try:
            with self._folder(folder, durable=True) as target:
                os.rename(temporary, name, src_dir_fd=self._temporary.number, dst_dir_fd=target)
                self._files.drop(key)
                os.fsync(target)
        except (NotADirectoryError, IsADirectoryError) as error:
            raise Conflict(
                f"{key} cannot be stored: it lies below another blob (or a link), or others lie below it"
            ) from error
        except FileNotFoundError:
            self._durable.clear()  # somebody removed a folder: do not rely on any of them the next time
            raise

    @contextlib.contextmanager
    def _folder(self, path: str, *, durable: bool = False) -> Iterator[int]:
        """A descriptor of a folder; made where it is missing, and its way from the root fsynced, if ``durable``."""
        folder, way = os.open(".", _FOLDER, dir_fd=self._root.number), ""
        try:
            for name in path.split("/") if path else ():
                way = f"{way}{name}/"
                if durable and way not in self._durable:
                    with contextlib.suppress(FileExistsError):  # perhaps of a process that was killed before its fsync
                        os.mkdir(name, dir_fd=folder)
                    os.fsync(folder)
                    self._durable.add(way)
                parent, folder = folder, os.open(name, _FOLDER, dir_fd=folder)
                os.close(parent)
            yield folder
        finally:
            os.close(folder)

    def _open_blob(self, key: str) -> Descriptor:
        folder, _, name = key.rpartition("/")
        with self._folder(folder) as parent:
            file = Descriptor(os.open(name, _READ, dir_fd=parent))
        _check_regular(os.fstat(file.number))
        return file

    @contextlib.contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _ABSENT:
                raise NotFound(f"no blob {key} in the storage") from None
            raise unavailable(error, f"read {key}") from error

    def _walk(self, prefix: str) -> Iterator[Stat]:
        folders = [prefix.rpartition("/")[0]]
        while folders:
            for path, status in self._entries(folders.pop()):
                if path == TEMPORARY or not path.startswith(prefix):
                    continue
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
                elif stat.S_ISREG(status.st_mode):
                    yield Stat(path, status.st_size)

    def _entries(self, path: str) -> Sequence[tuple[str, os.stat_result]]:
        """What lies in a folder and is named as a key may be. Read at once, so as to keep no descriptor meanwhile."""
        found = []
        try:
            with self._folder(path) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    if is_component(entry.name):
                        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                            status = entry.stat(follow_symlinks=False)
                            found.append((f"{path}/{entry.name}" if path else entry.name, status))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise unavailable(error, f"list {path or 'the storage'}") from error
        return found


class _FileWriter:
    """Unbuffered: callers write blocks, and what is buffered here could fail to be written at a time of its own."""

    def __init__(self, file: Descriptor, key: str) -> None:
        self._file: Descriptor | None = file
        self._key = key

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        file = self._opened()
        with os_errors_unavailable(f"write {self._key}"), memoryview(data).cast("B") as rest:
            written = 0
            while written < len(rest):
                written += os.write(file.number, rest[written:])

    def finish(self) -> None:
        """Make the content durable; nothing can be written from here on."""
        os.fsync(self._opened().number)
        self._file = None

    def abandon(self) -> None:
        self._file = None

    def _opened(self) -> Descriptor:
        if self._file is None:
            raise ValueError(f"the blob {self._key} is finished")
        return self._file


def _pread(file: Descriptor, start: int, stop: int) -> bytes:
    """The bytes ``start`` to ``stop`` of a file, or what there is of them."""
    pieces = []
    while start < stop and (piece := os.pread(file.number, stop - start, start)):  # Linux reads 2 GiB at most
        pieces.append(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(errno.ENOENT, "not a regular file")


def make_durable(folder: Path) -> None:
    """Make a folder and its missing parents, and fsync what names them."""
    if not folder.is_dir():
        make_durable(folder.parent)
        folder.mkdir(exist_ok=True)
    with contextlib.suppress(PermissionError):  # above a folder that was given to us: not ours to sync
        parent = Descriptor(os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY))
        os.fsync(parent.number)
