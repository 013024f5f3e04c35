"""An object's stored bytes, verified as they come."""

from __future__ import annotations

from tukar import codecs
from tukar.errors import Corrupt
from tukar.objects.blocks import Base, decode_block, no_base
from tukar.objects.packs import Block, Record, object_hasher


class Verifier:
    """Compares an object's stored bytes, as they come, with the digests of its record.

    Args:
        base: gives raw bytes of the object's bases.
    """

    def __init__(self, record: Record, base: Base = no_base) -> None:
        self.record, self._base = record, base
        self.taken = 0
        codecs.codec(record.codec)  # Unsupported if there is none
        self._blocks = record.blocks()
        self._block = self._next()
        self._buffer = bytearray()
        self._hasher = object_hasher(record.kind)

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are here."""
        return self.taken == self.record.stored_size

    def take(self, data: bytes | memoryview) -> None:
        """The next bytes. Corrupt if a block, or in the end the object, is not what it should be.

        A block that is not right counts as not taken: what came before it can be built upon.
        """
        if self.taken + len(data) > self.record.stored_size:
            raise Corrupt(f"object {self.record.digest}: more bytes came than it has")
        rest = memoryview(data)
        while rest and self._block is not None:
            wanted = self._block.stored_size - len(self._buffer)
            self._buffer += rest[:wanted]
            self.taken += min(wanted, len(rest))
            rest = rest[wanted:]
            if len(self._buffer) == self._block.stored_size:
                self._end_block(self._block)
        self.end()

    def end(self) -> None:
        """Corrupt if all bytes are here and are not the object."""
        if self.is_whole and self._hasher.digest() != self.record.digest:
            raise Corrupt(f"object {self.record.digest}: its blocks do not add up to its digest")

    def _end_block(self, block: Block) -> None:
        stored, self._buffer = self._buffer, bytearray()
        try:
            self._hasher.update(decode_block(self.record, block, memoryview(stored), self._base))
        except Corrupt:
            self.taken -= len(stored)
            raise
        self._block = self._next()

    def _next(self) -> Block | None:
        return next(self._blocks, None)
