"""What names a file's bytes, on both sides of a transfer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

_BUFFER: Final = 1 << 20

Algorithm = Literal["sha256", "git-blob"]


class Hasher(Protocol):
    """What computes a digest."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """The digest of what was taken in."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """The SHA-256 of an LFS file, or git's id of the blob of a regular one, which depends on the size too."""

    algorithm: Algorithm
    hex: str

    def hasher(self, size: int) -> Hasher:
        """What computes such a checksum of a file of ``size`` bytes."""
        return new_hasher(self.algorithm, size)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def new_hasher(algorithm: Algorithm, size: int) -> Hasher:
    """What computes a checksum of a file of ``size`` bytes."""
    if algorithm == "sha256":
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def of_file(path: Path, algorithm: Algorithm, size: int, on_piece: Callable[[int], None] = lambda _: None) -> Checksum:
    """The checksum of a file on disk. ``on_piece`` is called with the number of bytes read since the last call."""
    hasher, buffer = new_hasher(algorithm, size), memoryview(bytearray(_BUFFER))
    with path.open("rb", buffering=0) as source:
        while count := source.readinto(buffer):
            hasher.update(buffer[:count])
            on_piece(count)
    return Checksum(algorithm, hasher.hexdigest())
