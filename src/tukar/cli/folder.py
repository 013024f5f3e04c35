"""The folder that a repository is pulled into.

::

    FOLDER/.tukar/snapshot.json   the marker: every file that it names is whole, and of one commit
    FOLDER/.tukar/placing.json    while files are put in place: what was here before, and what comes
    FOLDER/.tukar/incoming/       files that are verified, and parts (``.part``) of those to come
    FOLDER/.tukar/lock            held by the process that pulls

A pull goes through these steps, and may be cut at any point:

1. What is here is compared with what is wanted. What Tukar did not write, or what was changed since, stops the pull.
2. All that is missing is fetched into ``incoming``, and verified.
3. ``placing.json`` is written, and then the marker removed.
4. Files that the revision has no more are deleted, and those that came are renamed into place.
5. The new marker is written, and the rest removed.

A folder that does not exist yet is built under the name FOLDER.partial, and gets its own name at the very end.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from tukar.cli import marker
from tukar.cli.download import arriving_name
from tukar.cli.marker import Marker, sync_folder
from tukar.errors import Conflict, Refused
from tukar.exchange import checksums
from tukar.exchange.checksums import Checksum
from tukar.exchange.tree import OWN, RemoteFile, parents


@dataclass(frozen=True, slots=True)
class Missing:
    """A file to fetch, and where to put it once it is verified."""

    file: RemoteFile
    incoming: Path

    def is_here(self) -> bool:
        """Whether an earlier pull fetched and verified it."""
        return self.incoming.exists()

    def to_come(self) -> int:
        """The bytes that are still to come."""
        arriving = arriving_name(self.incoming)
        return self.file.size - min(arriving.stat().st_size if arriving.exists() else 0, self.file.size)


class Folder:
    """A folder that is held for one pull. ``root`` is where its files are, or are being gathered."""

    def __init__(self, root: Path, *, is_new: bool) -> None:
        self.root, self._is_new = root, is_new
        self._checksums: dict[tuple[str, str], Checksum] = {}
        self._own = root / OWN
        self._incoming = self._own / "incoming"
        self._snapshot, self._placing = self._own / "snapshot.json", self._own / "placing.json"
        self.snapshot = marker.read(self._snapshot)
        self._interrupted = marker.read(self._placing)

    @cached_property
    def known(self) -> Mapping[str, Sequence[RemoteFile]]:
        """By path, the files that Tukar has put here, or was about to put here."""
        found: dict[str, list[RemoteFile]] = {}
        for written in (self.snapshot, self._interrupted):
            for file in written.files if written else ():
                found.setdefault(file.path, []).append(file)
        return found

    @property
    def holds(self) -> Marker | None:
        """The snapshot that is here, or that was being put here."""
        return self.snapshot or self._interrupted

    @property
    def is_case_sensitive(self) -> bool:
        """Whether names that differ in case only are different files here."""
        return not (self._own / "LOCK").exists()

    def has(self, file: RemoteFile) -> bool:
        """Whether the file is here, with these very bytes: they are read and compared."""
        return self.size(file.path) == file.size and self._checksum(file) == file.checksum

    def size(self, path: str) -> int | None:
        """The bytes of the file that is at a path; None if there is none, or something else, or a link on the way."""
        try:
            ways = [(self.root / parent).lstat() for parent in parents(path)]
            found = (self.root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        is_here = stat.S_ISREG(found.st_mode) and all(stat.S_ISDIR(way.st_mode) for way in ways)
        return found.st_size if is_here else None

    def _checksum(self, file: RemoteFile) -> Checksum:
        name = (file.path, file.checksum.algorithm)
        if name not in self._checksums:
            self._checksums[name] = checksums.of_file(self.root / file.path, file.checksum.algorithm, file.size)
        return self._checksums[name]

    def is_taken(self, path: str) -> bool:
        """Whether anything but a folder is at a path."""
        return os.path.lexists(self.root / path) and not self._is_folder(path)

    def wrote(self, path: str) -> bool:
        """Whether what is at a path is what Tukar put there."""
        return any(self.has(file) for file in self.known.get(path, ()))

    def _is_folder(self, path: str) -> bool:
        return (self.root / path).is_dir() and not (self.root / path).is_symlink()

    def check_ways(self, paths: Iterable[str], going: set[str]) -> None:
        """Refused if a path leads through a link; Conflict if a file is where a folder must be, or the other way round.

        ``going`` are the paths of the files that will be deleted before.
        """
        for path in paths:
            for parent in parents(path):
                if (self.root / parent).is_symlink():
                    raise Refused(f"{self.root / parent} is a link, and {path!r} leads through it", hint="remove it")
                if parent not in going and self.is_taken(parent):
                    raise Conflict(f"{self.root / parent} is a file, and a folder is needed there", hint="move it away")
            if self._is_folder(path) and not self._will_go(path, going):
                raise Conflict(f"{self.root / path} is a folder, and a file is needed there", hint="move it away")

    def _will_go(self, path: str, going: set[str]) -> bool:
        inside = (Path(at, name) for at, _, names in os.walk(self.root / path) for name in names)
        return all(file.relative_to(self.root).as_posix() in going for file in inside)

    def missing(self, files: Iterable[RemoteFile]) -> list[Missing]:
        """Where to fetch these files to, in their order."""
        self._incoming.mkdir(exist_ok=True)
        seen: Counter[str] = Counter()
        found = []
        for file in files:
            seen[file.checksum.hex] += 1
            found.append(Missing(file, self._incoming / f"{file.checksum.hex}.{seen[file.checksum.hex]}"))
        return found

    def free_bytes(self) -> int:
        """What the disk has room for."""
        return shutil.disk_usage(self.root).free

    def place(self, new: Marker, fetched: Sequence[Missing], going: Sequence[str]) -> None:
        """Steps 3 to 5; only the last if the files are in place already."""
        if fetched or going or not self.snapshot:
            self._move(new, fetched, going)
        marker.write(self._snapshot, new)
        self._placing.unlink(missing_ok=True)
        shutil.rmtree(self._incoming, ignore_errors=True)

    def _move(self, new: Marker, fetched: Sequence[Missing], going: Sequence[str]) -> None:
        before = tuple(file for files in self.known.values() for file in files)
        marker.write(self._placing, Marker(new.hub, new.repo, new.revision, new.commit, tuple({*before, *new.files})))
        self._snapshot.unlink(missing_ok=True)
        sync_folder(self._own)
        touched = {self._delete(path) for path in going} | {self._put(item) for item in fetched}
        for folder in sorted(self._existing(touched)):
            sync_folder(folder)

    def _delete(self, path: str) -> str:
        (self.root / path).unlink()
        for parent in reversed(parents(path)):
            with suppress(OSError):  # it holds something else
                (self.root / parent).rmdir()
        return path

    def _put(self, item: Missing) -> str:
        path = self.root / item.file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._is_folder(item.file.path):
            for emptied, _, _ in os.walk(path, topdown=False):
                Path(emptied).rmdir()
        item.incoming.replace(path)
        return item.file.path

    def _existing(self, paths: Iterable[str]) -> set[Path]:
        folders = {self.root / parent for path in paths for parent in ("", *parents(path))}
        return {folder for folder in folders if folder.is_dir()}

    def discard_if_empty(self) -> None:
        """Remove what Tukar made here, if nothing has come yet."""
        if not self.known and not any(self._incoming.glob("*")):
            shutil.rmtree(self._own, ignore_errors=True)
            if self._is_new:
                self.root.rmdir()


@contextmanager
def opened(target: Path) -> Iterator[Folder]:
    """Hold a folder for a pull; it has all of its files, under its own name, when the context is left without an error.

    Conflict if another process pulls into it, or something else has its place.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - resolve() would follow a link that is the target
    is_new = not target.exists()
    root = target.with_name(f"{target.name}.partial") if is_new else target
    for path in (target, root):
        if os.path.lexists(path) and not path.is_dir():
            raise Conflict(f"{path} is not a folder", hint="name a folder with --to, or move away what is there")
    own = root / OWN
    own.mkdir(parents=True, exist_ok=True)
    with _locked(own / "lock", target):
        folder = Folder(root, is_new=is_new)
        try:
            yield folder
        except BaseException:
            folder.discard_if_empty()
            raise
        if is_new:
            root.rename(target)
            sync_folder(target.parent)


@contextmanager
def _locked(path: Path, target: Path) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Conflict(f"another process is pulling into {target}", hint="wait for it to end") from None
    try:
        yield
    finally:
        lock.release()
