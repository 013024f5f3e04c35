"""Blobs in the process's own memory: for tests, and for what need not outlive the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tukar.errors import Corrupt, NotFound
from tukar.storage.base import Stat, Writer
from tukar.storage.keys import check_key, check_prefix, check_range


class MemoryStorage:
    """Blobs in a dictionary. Nothing is durable. Every step is one operation on the dictionary, so it needs no lock."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        """Write the blob ``key``; see :class:`~tukar.storage.base.Storage`."""
        check_key(key)
        buffer = _Buffer()
        yield buffer
        self._blobs[key] = bytes(buffer.data)

    def read(self, key: str, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop``; NotFound, or Corrupt if there are fewer."""
        check_range(start, stop)
        blob = self._blob(key)
        if stop > len(blob):
            raise Corrupt(f"{key} has {len(blob)} bytes, not {stop}")
        return blob[start:stop]

    def stat(self, key: str) -> Stat:
        """A blob's size; NotFound if there is none."""
        return Stat(key, len(self._blob(key)))

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """All blobs that were there when the listing began."""
        check_prefix(prefix)
        blobs = self._blobs.copy()
        return (Stat(key, len(blob)) for key, blob in blobs.items() if key.startswith(prefix))

    def delete(self, key: str) -> None:
        """Remove a blob; no error if there is none."""
        self._blobs.pop(check_key(key), None)

    def _blob(self, key: str) -> bytes:
        try:
            return self._blobs[check_key(key)]
        except KeyError:
            raise NotFound(f"no blob {key} in the storage") from None


class _Buffer:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.data += data
