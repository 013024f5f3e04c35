"""An object's raw bytes, out of its stored ones as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from blake3 import blake3

from tukar import codecs
from tukar.errors import Corrupt
from tukar.objects.blocks import Base, decode_block, no_base
from tukar.objects.packs import Block, Record
from tukar.types import Digest

Read = Callable[[int, int], bytes]
"""Gives the raw bytes of the object from a start to a stop."""


class Unpacker:
    """Decodes an object while its stored bytes come, and compares each block with its digests.

    A block that is stored as it is passes through at once, and may turn out to be wrong at its end; another one passes
    once it is whole. That the blocks add up to the object is for whoever has all of it to find.

    Attributes:
        base: gives raw bytes of the object's bases, for what is to come.
        taken: the stored bytes that came.
        given: the raw bytes that were handed out.
        sound: of these, the bytes of blocks that were compared.
    """

    def __init__(self, record: Record, base: Base = no_base) -> None:
        self.record, self.base = record, base
        self.taken = self.given = self.sound = 0
        codecs.codec(record.codec)  # Unsupported if there is none
        self._blocks = record.blocks()
        self._block = next(self._blocks, None)
        self._buffer = bytearray()
        self._hasher: Any = blake3()
        self._filled = 0

    @property
    def is_whole(self) -> bool:
        """Whether all bytes came."""
        return self.taken == self.record.stored_size

    def recall(self, read: Read, size: int) -> None:
        """Take up what an earlier attempt left: the first ``size`` raw bytes, as far as they are right."""
        while (block := self._block) is not None and block.raw_start < size:
            here = min(block.raw_size, size - block.raw_start)
            is_whole = here == block.raw_size
            if not is_whole and not _is_plain(block):
                return
            raw = read(block.raw_start, block.raw_start + here)
            if is_whole and Digest.of(raw) != block.raw_digest:
                return
            self.given += here
            if not is_whole:
                self._hasher.update(raw)
                self._filled = here
                self.taken += here
                return
            self.taken += block.stored_size
            self._next()

    def feed(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """The raw bytes that these stored ones make; Corrupt if a block is not what it should be."""
        rest = memoryview(data)
        if self.taken + len(rest) > self.record.stored_size:
            raise Corrupt(f"object {self.record.digest}: more bytes came than it has")
        while rest and (block := self._block) is not None:
            piece, rest = rest[: block.stored_size - self._filled], rest[block.stored_size - self._filled :]
            self.taken += len(piece)
            self._filled += len(piece)
            raw = self._plain(block, piece) if _is_plain(block) else self._decoded(block, piece)
            if raw:
                self.given += len(raw)
                yield raw
            if self._filled == block.stored_size:
                self._end(block)

    def _plain(self, block: Block, piece: memoryview) -> memoryview:
        self._hasher.update(piece)
        return piece

    def _decoded(self, block: Block, piece: memoryview) -> bytes | memoryview:
        self._buffer += piece
        if self._filled < block.stored_size:
            return b""
        return decode_block(self.record, block, bytes(self._buffer), self.base)

    def _end(self, block: Block) -> None:
        if _is_plain(block) and not self._hasher.digest() == block.stored_digest == block.raw_digest:
            raise Corrupt(f"object {self.record.digest}: a block does not match its digest")
        self._next()

    def _next(self) -> None:
        block = self._block
        assert block is not None  # noqa: S101 - it has just ended
        self.sound = block.raw_start + block.raw_size
        self._block = next(self._blocks, None)
        self._buffer, self._hasher, self._filled = bytearray(), blake3(), 0


def _is_plain(block: Block) -> bool:
    """Whether a block is stored as it is."""
    return block.stored_size == block.raw_size
