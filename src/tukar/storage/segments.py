"""A bounded folder of segments: pieces of blobs that are worth keeping near."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple

from blake3 import blake3

from tukar.storage.oserrors import os_errors_unavailable

_DIGEST: Final = 32
_NAME: Final = re.compile(r"([0-9a-f]{64})\.([0-9]{1,12})\.([0-9]{1,12})")
_UNFINISHED: Final = "unfinished-"


class Segment(NamedTuple):
    """The name of a segment.

    Attributes:
        blob: BLAKE3 of the blob's key, 64 hex digits.
        width: bytes in every segment of the blob but the last.
        number: its place in the blob, from 0; it begins at ``number * width``.
    """

    blob: str
    width: int
    number: int

    def __str__(self) -> str:
        return f"{self.blob}.{self.width}.{self.number}"


class SegmentFolder:
    """Segments as files in ``folder``: those used last, ``max_bytes`` at most.

    A file is a segment's bytes, then BLAKE3 of its name and its bytes. It is never fsynced: one that a power cut or the
    disk has damaged is found by that digest, and is then as good as missing. What an earlier process has left is taken
    over; so the folder serves one process at a time. A file that cannot be read or written is never an error.

    Args:
        folder: made if it is missing; nothing else should lie in it.
        max_bytes: what all files together take at most, not counting one that is being written per thread.

    Raises:
        Unavailable: the folder cannot be made or read.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[Segment, int] = OrderedDict()  # the one used longest ago first
        self._of_blob: dict[str, set[Segment]] = {}
        self._nbytes = 0
        self._lock = threading.Lock()
        with os_errors_unavailable(f"use {folder} as a cache"):
            folder.mkdir(parents=True, exist_ok=True)
            self._take_over()

    @property
    def nbytes(self) -> int:
        """Bytes in all files."""
        return self._nbytes

    def get(self, segment: Segment) -> bytes | None:
        """A segment's bytes; None if it is not here, or not as it was."""
        with self._lock:
            if segment not in self._sizes:
                return None
            self._sizes.move_to_end(segment)
        try:
            stored = self._path(segment).read_bytes()
        except OSError:
            stored = b""
        data = stored[:-_DIGEST]
        if stored[-_DIGEST:] == _digest(segment, data):
            return data
        with self._lock:
            self._remove(segment)
        return None

    def put(self, segment: Segment, data: bytes) -> None:
        """Keep a segment, at the expense of those used longest ago."""
        size = len(data) + _DIGEST
        if size > self._max_bytes:
            return
        unfinished = self._folder / f"{_UNFINISHED}{secrets.token_hex(16)}"
        try:
            with unfinished.open("wb", buffering=0) as file:
                file.write(data)
                file.write(_digest(segment, data))
            unfinished.rename(self._path(segment))
        except OSError:
            _unlink(unfinished)
            return
        with self._lock:
            self._add(segment, size)

    def drop(self, blob: str) -> None:
        """Remove all segments of a blob."""
        with self._lock:
            for segment in tuple(self._of_blob.get(blob, ())):
                self._remove(segment)

    def _path(self, segment: Segment) -> Path:
        return self._folder / str(segment)

    def _add(self, segment: Segment, size: int) -> None:
        self._nbytes += size - self._sizes.get(segment, 0)
        self._sizes[segment] = size
        self._sizes.move_to_end(segment)
        self._of_blob.setdefault(segment.blob, set()).add(segment)
        while self._nbytes > self._max_bytes:
            self._remove(next(iter(self._sizes)))

    def _remove(self, segment: Segment) -> None:
        self._nbytes -= self._sizes.pop(segment, 0)
        others = self._of_blob.get(segment.blob, set())
        others.discard(segment)
        if not others:
            self._of_blob.pop(segment.blob, None)
        _unlink(self._path(segment))

    def _take_over(self) -> None:
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if match := _NAME.fullmatch(entry.name):
                    status = entry.stat(follow_symlinks=False)
                    segment = Segment(match[1], int(match[2]), int(match[3]))
                    found.append((status.st_mtime_ns, segment, status.st_size))
                elif entry.name.startswith(_UNFINISHED):
                    _unlink(Path(entry.path))
        for _, segment, size in sorted(found):
            self._add(segment, size)


def _digest(segment: Segment, data: bytes) -> bytes:
    return blake3(str(segment).encode()).update(data).digest()


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
