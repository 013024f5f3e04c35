"""The hashes of the Xet protocol: keyed BLAKE3 of chunks, and the tree over them that names xorbs and files.

Source: the Xet protocol specification, "Hashing" (https://huggingface.co/docs/xet/hashing).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import Final, Self

from blake3 import blake3

from tukar.errors import Invalid

_DATA_KEY: Final = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY: Final = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_RANGE_KEY: Final = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_FILE_KEY: Final = bytes(32)

_WORDS: Final = struct.Struct("<4Q")
_MIN_CHILDREN: Final = 3
_MAX_CHILDREN: Final = 9


class XetHash(bytes):
    """A 32-byte hash of the Xet protocol.

    Prints as 64 hex digits in the protocol's own order: each group of 8 bytes is written as a little-endian integer.
    """

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        """Wrap 32 raw bytes; Invalid for any other length."""
        if len(raw) != 32:
            raise Invalid(f"a Xet hash has 32 bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From 64 hex digits in the protocol's order; Invalid otherwise."""
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise Invalid(f"not a Xet hash of 64 lower-case hex digits: {text[:80]!r}")
        return cls(_WORDS.pack(*(int(text[at : at + 16], 16) for at in range(0, 64, 16))))

    def __str__(self) -> str:
        return "{:016x}{:016x}{:016x}{:016x}".format(*_WORDS.unpack(self))

    def __repr__(self) -> str:
        return f"XetHash({str(self)[:12]}…)"


NO_HASH: Final = XetHash(bytes(32))
"""The hash of a file without chunks: the empty file."""


def chunk_hash(data: bytes | bytearray | memoryview) -> XetHash:
    """The hash of one chunk's raw bytes."""
    return XetHash(blake3(data, key=_DATA_KEY).digest())


def range_hash(hashes: bytes) -> XetHash:
    """The verification hash of a run of chunks, from their hashes' bytes one after the other (32 bytes each)."""
    return XetHash(blake3(hashes, key=_RANGE_KEY).digest())


def xorb_hash(chunks: Iterable[tuple[XetHash, int]]) -> XetHash:
    """The hash of a xorb, from its chunks' hashes and raw lengths in bytes."""
    return _tree(chunks).root()


def file_hash(chunks: Iterable[tuple[XetHash, int]]) -> XetHash:
    """The hash of a file, from its chunks' hashes and raw lengths in bytes; ``NO_HASH`` for a file without chunks."""
    return _tree(chunks).file_hash()


class HashTree:
    """The tree over a sequence of chunks, fed in order.

    A node has 2 to 9 children, 4 on average: it is closed from its third child on by one whose hash divides by four,
    by the ninth, or by the end of the level. (The end of a level may leave a single child, which is hashed again.) Only
    each level's open node is kept, so memory is logarithmic in the number of chunks.
    """

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def add(self, hash: XetHash, size: int) -> None:  # noqa: A002 - the protocol's own word
        """Append a chunk of ``size`` raw bytes."""
        _push(self._levels, 0, hash, size)

    def root(self) -> XetHash:
        """The hash of all that was added so far: a xorb's hash; ``NO_HASH`` if that is nothing. More may be added."""
        levels = [level.copy() for level in self._levels]
        depth = 0
        while depth < len(levels):
            level = levels[depth]
            if level.total == 1:
                return level.open[0][0]
            if level.open:
                _push(levels, depth + 1, *level.close())
            depth += 1
        return NO_HASH

    def file_hash(self) -> XetHash:
        """The hash of the file that consists of the chunks added so far."""
        root = self.root()
        return XetHash(blake3(root, key=_FILE_KEY).digest()) if self._levels else NO_HASH


class _Level:
    """The open node of one level, and how many nodes the level has had in all."""

    __slots__ = ("open", "total")

    def __init__(self, children: list[tuple[XetHash, int]], total: int) -> None:
        self.open = children
        self.total = total

    def copy(self) -> _Level:
        return _Level(self.open.copy(), self.total)

    def is_full(self) -> bool:
        count = len(self.open)
        # A hash modulo four is that of its last little-endian word.
        return count == _MAX_CHILDREN or (count >= _MIN_CHILDREN and self.open[-1][0][24] % 4 == 0)

    def close(self) -> tuple[XetHash, int]:
        lines = "".join(f"{hash_} : {size}\n" for hash_, size in self.open)
        node = XetHash(blake3(lines.encode(), key=_NODE_KEY).digest()), sum(size for _, size in self.open)
        self.open = []
        return node


def _push(levels: list[_Level], depth: int, hash_: XetHash, size: int) -> None:
    while True:
        if depth == len(levels):
            levels.append(_Level([], 0))
        level = levels[depth]
        level.open.append((hash_, size))
        level.total += 1
        if not level.is_full():
            return
        hash_, size = level.close()
        depth += 1


def _tree(chunks: Iterable[tuple[XetHash, int]]) -> HashTree:
    tree = HashTree()
    for hash_, size in chunks:
        tree.add(hash_, size)
    return tree
