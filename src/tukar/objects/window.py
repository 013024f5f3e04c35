"""A blob that is read from front to back in small steps."""

from __future__ import annotations

from typing import Final

from tukar.storage.base import Storage

_AHEAD: Final = 1 << 20


class Window:
    """Reads of one blob, served from what was read ahead where that will do. For one thread.

    NotFound if there is no such blob.
    """

    def __init__(self, storage: Storage, key: str) -> None:
        self.key = key
        self.size = storage.stat(key).size
        self._storage = storage
        self._start, self._data = 0, b""

    def read(self, start: int, stop: int) -> memoryview:
        """The bytes ``start`` to ``stop``; NotFound, or Corrupt if there are fewer."""
        if not self._start <= start <= stop <= self._start + len(self._data):
            ahead = max(stop, min(start + _AHEAD, self.size))
            self._start, self._data = start, self._storage.read(self.key, start, ahead)
        return memoryview(self._data)[start - self._start : stop - self._start]
