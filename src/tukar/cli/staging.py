"""Where files stay on their way from one hub to another.

::

    CACHE/<type>--<namespace>--<name>--<digest of the rest>/files/   the files, under their paths
                                                            lock     held by the process that imports

It is the same folder for the same repository at the same hub, so that what was interrupted goes on, and is removed once
everything is published.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

from filelock import FileLock, Timeout

from tukar.cli.output import Meter, is_watched, size_text
from tukar.cli.sources import LocalFile
from tukar.errors import Conflict, Unavailable
from tukar.exchange.tree import RemoteFile
from tukar.types import RepoId

_PAUSE: Final = 0.5  # seconds between two looks at how much has come
_BLOCK: Final = 512  # what st_blocks counts, by POSIX


@dataclass(frozen=True, slots=True)
class Staging:
    """A folder that is held for one import."""

    root: Path

    @property
    def files(self) -> Path:
        """Below which each file has its path."""
        return self.root / "files"

    @property
    def is_case_sensitive(self) -> bool:
        """Whether names that differ in case only are different files here."""
        return not (self.root / "LOCK").exists()

    def local(self, file: RemoteFile) -> LocalFile:
        """A file as it is, or will be, here."""
        return LocalFile(self.files / file.path, file.path, file.size)

    def check_room(self, wanted: Sequence[RemoteFile]) -> None:
        """Unavailable if there is no room for those of the files that are not here yet."""
        to_come = sum(file.size for file in wanted if not self._has(file))
        free = shutil.disk_usage(self.root).free
        if to_come > free:
            raise Unavailable(
                f"{size_text(to_come)} are to come, and {self.root} has room for {size_text(free)}",
                hint="make room, or name a folder on another disk with --cache",
            )

    def _has(self, file: RemoteFile) -> bool:
        path = self.local(file).source
        return path.is_file() and path.stat().st_size == file.size

    @contextmanager
    def measured(self, meter: Meter) -> Iterator[None]:
        """Shows, for as long as it lasts, how much has come: whoever downloads need not tell."""
        stop = Event()

        def look() -> None:
            while not stop.wait(_PAUSE):
                meter.at(_size(self.files))

        thread = Thread(target=look, daemon=True)
        if is_watched():
            thread.start()
        try:
            yield
        finally:
            stop.set()


@contextmanager
def opened(cache: Path, hub: str, repo: RepoId) -> Iterator[Staging]:
    """The folder for what comes from a hub; removed when this ends without an error.

    Conflict if another process imports the same.
    """
    rest = hashlib.sha256(f"{hub}\n{repo.type}\n{repo}".encode()).hexdigest()[:12]
    staging = Staging(cache / f"{repo.type}--{repo.namespace}--{repo.name}--{rest}")
    staging.files.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(staging.root / "lock", timeout=0):
            yield staging
            shutil.rmtree(staging.root)
    except Timeout:
        raise Conflict(f"another process imports {repo} from {hub}", hint="wait until it has ended") from None


def _size(folder: Path) -> int:
    """The bytes on the disk: a file that is being written may have its length from the beginning."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * _BLOCK
        except FileNotFoundError:  # it has just got its own name
            continue
    return total
