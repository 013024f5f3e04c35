"""The storage seam: keys to bytes. Storage never learns what a tensor is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stat:
    """A stored blob: its key and its size in bytes."""

    key: str
    size: int


class Writer(Protocol):
    """Takes the bytes of a blob in order."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """Append ``data``; it has been taken when this returns, and the caller may change its buffer."""


class Storage(Protocol):
    """Blobs under keys.

    Keys are ``/``-separated relative paths of letters, digits, ``-``, ``_`` and ``.``, at most 512 bytes, as in
    ``storage.keys``: no component begins with ``.``, and nothing lies below ``tmp/``. A malformed key, prefix or range
    is Invalid. A blob is written once, whole, and is then immutable until it is deleted; callers never use a key again
    for other bytes. Every method may be called from any thread.
    """

    def create(self, key: str) -> AbstractContextManager[Writer]:
        """Write the blob ``key``.

        Leaving the context normally makes the blob visible at once and durable: it survives a power cut from then on.
        Leaving it by an exception leaves nothing visible. An existing blob of that key is replaced atomically.
        Unavailable if the storage cannot take it (disk full, no connection); Conflict if the key lies below another
        blob, or others below it.
        """

    def read(self, key: str, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop`` (exclusive) of a blob.

        NotFound if there is no such blob; Corrupt if it is shorter than ``stop``.
        """

    def stat(self, key: str) -> Stat:
        """A blob's size; NotFound if there is none."""

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """All visible blobs whose key begins with ``prefix``, in no particular order."""

    def delete(self, key: str) -> None:
        """Remove a blob; no error if there is none. Durable at some later time."""
