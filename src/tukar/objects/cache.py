"""Decoded blocks that are kept near."""

from __future__ import annotations

import threading
from collections import OrderedDict


class BlockCache:
    """The decoded blocks that were wanted last, so that many small ranges of one block decode it once.

    Blocks go by the digest of their raw bytes, so what is found is always right, wherever it is stored by then.

    Args:
        capacity: bytes of all blocks together.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._size = capacity, 0
        self._blocks: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes of all blocks that are kept."""
        return self._size

    def get(self, digest: bytes) -> bytes | None:
        """A block that is at hand."""
        with self._lock:
            data = self._blocks.get(digest)
            if data is not None:
                self._blocks.move_to_end(digest)
            return data

    def put(self, digest: bytes, data: bytes) -> None:
        """Keep a block; those that were not wanted for longest make room."""
        with self._lock:
            if digest in self._blocks or len(data) > self._capacity:
                return
            self._blocks[digest] = data
            self._size += len(data)
            while self._size > self._capacity:
                _, dropped = self._blocks.popitem(last=False)
                self._size -= len(dropped)
