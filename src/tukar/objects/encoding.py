"""How an object is stored: its codec, its blocks and their digests. Whoever stores or sends an object does it so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tukar.codecs.base import Codec, Source, TensorView
from tukar.codecs.choose import choose
from tukar.codecs.context import Coded, Delta, dtype_of
from tukar.codecs.raw import Raw
from tukar.errors import Corrupt
from tukar.objects.packs import BLOCK, CONTENT, MAX_META, Record
from tukar.types import Digest

BLOCK_SIZE: Final = 1 << 20

LARGE: Final = 256 << 20
"""Raw bytes of a difference beyond which it is not encoded by itself to be sent: that takes two passes before the first
byte, some seconds for these, and whoever waits takes a minute of silence for a dead line."""

_TINY: Final = 512  # bytes: what the object takes in the index is more than compression could save
_KEPT: Final = 8 << 20  # raw bytes of an object whose blocks are kept, instead of being encoded a second time


def codec_for(tensor: TensorView, block_size: int) -> Codec:
    """The codec that an object lands with."""
    return choose(tensor, block_size) if tensor.data.size > _TINY else Raw()


@dataclass(frozen=True, slots=True)
class Base:
    """An object that another one is encoded with.

    Attributes:
        depth: as in its record.
    """

    digest: Digest
    depth: int
    data: Source


class Encoding:
    """An object as it is stored, block by block. Each block is decoded again: the digest of what comes out is noted.

    Attributes:
        table: the entries of the blocks that were drawn so far.
    """

    def __init__(
        self,
        digest: Digest,
        kind: int,
        codec: Codec,
        tensor: TensorView,
        block_size: int,
        bases: Sequence[Base] = (),
    ) -> None:
        self._digest, self._kind, self._codec, self._block_size = digest, kind, codec, block_size
        self._size, self._bases = tensor.data.size, bases
        self._meta, self._blocks = codec.encode(tensor, [base.data for base in bases], block_size)
        self._stored_size = 0
        self.table = bytearray()

    def blocks(self) -> Iterator[bytes]:
        """The stored blocks, in order; once."""
        # A block that is all of its object, and is stored as it is, has the object's digest.
        whole = self._digest if self._kind == CONTENT and self._size <= self._block_size else None
        for index, stored in enumerate(self._blocks):
            raw_size = min(self._block_size, self._size - index * self._block_size)
            self.table += self._entry(stored, index * self._block_size, raw_size, whole)
            self._stored_size += len(stored)
            yield stored

    def record(self, offset: int) -> Record:
        """The object's record, once all blocks were drawn, with its first block at ``offset``."""
        meta, table = self._meta, bytes(self.table)
        if len(meta) > MAX_META or len(table) != -(-self._size // self._block_size) * BLOCK.size:
            raise Corrupt(
                f"object {self._digest}: the codec {self._codec.name} gave {len(meta)} bytes of meta, or too few blocks"
            )
        return Record(
            self._digest,
            self._kind,
            self._size,
            self._codec.id,
            self._block_size,
            offset,
            self._stored_size,
            meta,
            table,
            tuple(base.digest for base in self._bases),
            max((base.depth + 1 for base in self._bases), default=0),
        )

    def _entry(self, stored: bytes, start: int, raw_size: int, whole: Digest | None) -> bytes:
        codec = self._codec
        if len(stored) == raw_size:  # stored as it is
            digest = whole or Digest.of(stored)
            return BLOCK.pack(len(stored), digest, digest)
        if len(stored) > raw_size:
            raise Corrupt(f"the codec {codec.name} made {len(stored)} bytes of a block of {raw_size}")
        needs = codec.needs(self._meta, start, start + raw_size)
        needed = [self._bases[need.base].data.read(need.start, need.stop) for need in needs]
        raw = codec.decode(self._meta, stored, start, raw_size, needed)
        return BLOCK.pack(len(stored), Digest.of(stored), Digest.of(raw))


def encoded(
    digest: Digest, kind: int, tensor: TensorView, block_size: int = BLOCK_SIZE
) -> tuple[Record, Iterator[bytes]]:
    """An object as it lands: its record, with offset 0, and its blocks. A large one is gone through twice."""
    return _encoded(digest, kind, codec_for(tensor, block_size), tensor, block_size)


def encoded_alone(stored: Record, data: Source) -> tuple[Record, Iterator[bytes]]:
    """An object that is stored as a difference, encoded by itself: what encodes it knows its elements from there."""
    tensor = TensorView(data, dtype_of(stored.meta) if stored.codec == Delta.id else None)
    return _encoded(stored.digest, stored.kind, Coded(), tensor, stored.block_size)


def decoded(stored: Record) -> Record:
    """The record, with offset 0, of the same object stored as it is: its table names the digests of raw blocks too."""
    table = b"".join(BLOCK.pack(block.raw_size, block.raw_digest, block.raw_digest) for block in stored.blocks())
    return replace(stored, codec=Raw.id, offset=0, stored_size=stored.size, meta=b"", table=table, bases=(), depth=0)


def _encoded(
    digest: Digest, kind: int, codec: Codec, tensor: TensorView, block_size: int
) -> tuple[Record, Iterator[bytes]]:
    first = Encoding(digest, kind, codec, tensor, block_size)
    if tensor.data.size <= _KEPT:
        kept = list(first.blocks())
        return first.record(0), iter(kept)
    for _ in first.blocks():
        pass
    return first.record(0), codec.encode(tensor, (), block_size)[1]


def plain_entry(block: bytes) -> bytes:
    """The entry of a block that is stored as it is."""
    digest = Digest.of(block)
    return BLOCK.pack(len(block), digest, digest)


def plain_record(digest: Digest, size: int, table: bytes) -> Record:
    """The record, with offset 0, of content that is stored as it is, in blocks of ``BLOCK_SIZE``."""
    return Record(digest, CONTENT, size, Raw.id, BLOCK_SIZE, 0, size, b"", table)
