"""Byte sources for tests: one that keeps account of what is read, and one that is larger than any disk."""

from __future__ import annotations

from tukar.types import ByteSource


class CountingSource:
    """Another source, and the ranges that were read of it, in order. Refuses to read outside of the source."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.size = source.size
        self.ranges: list[tuple[int, int]] = []

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        assert 0 <= start <= stop <= self.size, f"read of {start}–{stop} in a source of {self.size} bytes"
        self.ranges.append((start, stop))
        return self._source.read(start, stop)

    @property
    def total(self) -> int:
        """Bytes read so far."""
        return sum(stop - start for start, stop in self.ranges)


class SparseSource:
    """``head``, and zeros up to ``size`` bytes: a huge file that takes no room."""

    def __init__(self, head: bytes, size: int) -> None:
        self._head = head
        self.size = size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        head = self._head[start:stop]
        return head + bytes(stop - start - len(head))
