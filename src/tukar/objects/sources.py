"""Byte sources: a file on disk, bytes in memory, a window of another source, several one after another."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tukar.codecs.base import Source
from tukar.errors import Corrupt
from tukar.types import ByteSource

STEP: Final = 1 << 20
"""How many bytes are read at a time where a source is gone through from end to end."""


class FileSource:
    """A file on disk, open until it is closed. Corrupt if it is shorter than it was when it was opened."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._descriptor).st_size
        self._path = path

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        data = os.pread(self._descriptor, stop - start, start)
        if len(data) == stop - start:
            return data
        return data + self._rest(start + len(data), stop)

    def _rest(self, start: int, stop: int) -> bytes:
        pieces = []
        while start < stop:
            piece = os.pread(self._descriptor, stop - start, start)
            if not piece:
                raise Corrupt(f"{self._path} ends at byte {start}, but had {self.size} bytes when it was opened")
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        return self._data[start:stop]


class HeldSource:
    """Bytes in memory, of which parts are read without a copy."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)

    def read(self, start: int, stop: int) -> memoryview:
        """The bytes from ``start`` to ``stop``."""
        return self._data[start:stop]


class SliceSource:
    """The window ``start`` to ``stop`` of another source."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self._source, self._start = source, start
        self.size = stop - start

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop`` of the window."""
        return bytes(self._source.read(self._start + start, self._start + stop))


class JoinedSource:
    """Several sources, one after another."""

    def __init__(self, sources: Sequence[ByteSource]) -> None:
        self._sources = sources
        self._starts = [0, *accumulate(source.size for source in sources)]
        self.size = self._starts[-1]

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        return b"".join(self._pieces(start, stop))

    def _pieces(self, start: int, stop: int) -> Iterator[bytes]:
        index = bisect_right(self._starts, start) - 1
        while start < stop:
            base, end = self._starts[index], min(stop, self._starts[index + 1])
            if start < end:
                yield self._sources[index].read(start - base, end - base)
            start, index = max(start, end), index + 1


def steps(source: Source, step: int = STEP) -> Iterator[bytes]:
    """The whole source in order, ``step`` bytes at a time."""
    for start in range(0, source.size, step):
        yield bytes(source.read(start, min(start + step, source.size)))
