"""The pack: the one container of the byte format (docs/format/pack.md).

A pack is a header, the stored blocks of its objects one after another, a footer that describes them, and a trailer of
fixed length. Every byte is covered by a digest: the blocks by the footer, the footer by the trailer.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from tukar.errors import Corrupt
from tukar.storage.base import Storage
from tukar.types import Digest

CONTENT: Final = 0
MANIFEST: Final = 1
MANIFEST_CONTEXT: Final = "tukar 2026 manifest 1"

PREFIX: Final = "packs/"
HEADER: Final = b"TUKARPK\x01"
END: Final = b"TUKARPK\x02"
COUNT: Final = struct.Struct("<I")
RECORD: Final = struct.Struct("<32sBBBBIQQII")
"""Digest, kind, codec, number of bases, depth, block size, offset, size, bytes of the meta, number of blocks."""
BLOCK: Final = struct.Struct("<I32s32s")  # stored length, digest of the stored bytes, digest of the raw bytes
TRAILER: Final = struct.Struct("<Q32s8s")  # footer length, its digest, the end mark

MAX_BLOCK_SIZE: Final = 16 << 20
MAX_META: Final = 64 << 10
MAX_DEPTH: Final = 8
MAX_FOOTER: Final = 256 << 20

DIGEST: Final = 32  # bytes
_LENGTH: Final = "<I64x"  # of a block's entry, its stored length alone
_PACK_KEY: Final = re.compile(rf"{PREFIX}([0-9a-f]{{2}})/(\1[0-9a-f]{{30}})")


def key(pack_id: str) -> str:
    """Where a pack lies in the storage."""
    return f"{PREFIX}{pack_id[:2]}/{pack_id}"


def pack_id_of(blob_key: str) -> str | None:
    """The pack that lies under this key of the storage; None if no pack does."""
    match = _PACK_KEY.fullmatch(blob_key)
    return match[2] if match else None


def object_hasher(kind: int) -> blake3:
    """What an object's digest is made with.

    Manifests have digests of their own (BLAKE3's key derivation mode), so that content which is made to look like a
    manifest is never taken for it, nor a manifest for content.
    """
    return blake3(derive_key_context=MANIFEST_CONTEXT) if kind == MANIFEST else blake3()


@dataclass(frozen=True, slots=True)
class Block:
    """One block of an object: its place in the object and in the pack, and what it must be."""

    raw_start: int
    raw_size: int
    start: int
    stored_size: int
    stored_digest: bytes
    raw_digest: bytes

    @property
    def stop(self) -> int:
        """Where it ends in the pack."""
        return self.start + self.stored_size


@dataclass(frozen=True, slots=True)
class Record:
    """An object in a pack.

    Attributes:
        digest: of the object's raw bytes.
        kind: CONTENT or MANIFEST.
        size: raw bytes.
        codec: the id of the codec of its blocks.
        block_size: raw bytes a block; the last may be shorter.
        offset: of its first stored block in the pack; the others follow without gaps.
        stored_size: bytes of its stored blocks.
        meta: the codec's own.
        bases: the objects that decoding it takes.
        depth: how many objects, one decoded with the next, decoding it takes at most besides it: 0 without bases. Each
            base is stored with less, so that no object is ever needed for itself.
        table: one entry of 68 bytes a block: stored length, digest of the stored bytes, digest of the raw bytes.
    """

    digest: Digest
    kind: int
    size: int
    codec: int
    block_size: int
    offset: int
    stored_size: int
    meta: bytes
    table: bytes
    bases: tuple[Digest, ...] = ()
    depth: int = 0

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        """The blocks that hold the raw bytes ``start`` to ``stop``, in order; Corrupt if the table does not fit."""
        stop = self.size if stop is None else min(stop, self.size)
        if self.block_size < 1 or len(self.table) != -(-self.size // self.block_size) * BLOCK.size:
            raise Corrupt(f"object {self.digest}: its table of blocks does not fit its size", hint="run `tukar check`")
        first = start // self.block_size
        at = self.offset + self._stored_before(first)
        for raw_start in range(first * self.block_size, stop, self.block_size):
            entry = BLOCK.unpack_from(self.table, raw_start // self.block_size * BLOCK.size)
            yield Block(raw_start, min(self.block_size, self.size - raw_start), at, *entry)
            at += entry[0]

    def _stored_before(self, index: int) -> int:
        if self.stored_size == self.size:  # no block is longer than its raw bytes, so each is stored as it is
            return index * self.block_size
        return sum(length for (length,) in struct.iter_unpack(_LENGTH, self.table[: index * BLOCK.size]))

    @property
    def footer_size(self) -> int:
        """Bytes that it takes in the footer."""
        return RECORD.size + DIGEST * len(self.bases) + len(self.meta) + len(self.table)

    def header(self, offset: int | None = None) -> bytes:
        """What a pack's footer says of it, and a stream's frame, where ``offset`` means something else."""
        fixed = RECORD.pack(
            self.digest,
            self.kind,
            self.codec,
            len(self.bases),
            self.depth,
            self.block_size,
            self.offset if offset is None else offset,
            self.size,
            len(self.meta),
            len(self.table) // BLOCK.size,
        )
        return b"".join((fixed, *self.bases, self.meta, self.table))


@dataclass(frozen=True, slots=True)
class Location:
    """Where an object is stored, and where its bases are."""

    pack_id: str
    record: Record
    bases: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True)
class Fixed:
    """The fields of a record that have the same length in each; ``bases`` and ``blocks`` are how many there are."""

    digest: Digest
    kind: int
    codec: int
    bases: int
    depth: int
    block_size: int
    offset: int
    size: int
    meta_size: int
    blocks: int

    @classmethod
    def read(cls, data: bytes, at: int = 0) -> Fixed:
        """From a footer or a frame; Corrupt if they cannot be of a record."""
        digest, *numbers = RECORD.unpack_from(data, at)
        fixed = cls(Digest(digest), *numbers)
        if fixed.kind > MANIFEST or fixed.meta_size > MAX_META or fixed.depth > MAX_DEPTH:
            raise Corrupt("a record of an object is malformed")
        if (fixed.bases == 0) != (fixed.depth == 0) or (fixed.bases and fixed.kind == MANIFEST):
            raise Corrupt("a record of an object is malformed")
        return fixed

    @property
    def table_size(self) -> int:
        """Bytes of the table of blocks."""
        return self.blocks * BLOCK.size

    @property
    def rest(self) -> int:
        """Bytes that follow."""
        return self.bases * DIGEST + self.meta_size + self.table_size

    def record(self, rest: bytes, offset: int) -> Record:
        """The record, with these bytes behind the fixed ones. Corrupt if its table does not fit its size."""
        bases = tuple(Digest(rest[at : at + DIGEST]) for at in range(0, self.bases * DIGEST, DIGEST))
        meta_at, table_at = self.bases * DIGEST, self.bases * DIGEST + self.meta_size
        table = rest[table_at:]
        return Record(
            self.digest,
            self.kind,
            self.size,
            self.codec,
            self.block_size,
            offset,
            stored_size_of(table, self.size, self.block_size),
            rest[meta_at:table_at],
            table,
            bases,
            self.depth,
        )


def encode_footer(records: Sequence[Record]) -> bytes:
    """The footer and the trailer of a pack that holds ``records``."""
    footer = bytearray(COUNT.pack(len(records)))
    for r in records:
        footer += r.header()
    return bytes(footer) + TRAILER.pack(len(footer), Digest.of(footer), END)


def read_footer(storage: Storage, pack_id: str) -> list[Record]:
    """What a pack holds, from the pack itself.

    Corrupt if any byte of footer, trailer or header is not as it was; NotFound if there is no such pack.
    """
    size = storage.stat(key(pack_id)).size
    smallest = len(HEADER) + COUNT.size + TRAILER.size
    if size < smallest:
        raise Corrupt(f"pack {pack_id}: {size} bytes; the smallest pack has {smallest}")
    length, digest, end = TRAILER.unpack(storage.read(key(pack_id), size - TRAILER.size, size))
    if end != END or length > min(size - len(HEADER) - TRAILER.size, MAX_FOOTER):
        raise Corrupt(f"pack {pack_id}: its trailer is damaged")
    start = size - TRAILER.size - length
    footer = storage.read(key(pack_id), start, start + length)
    if Digest.of(footer) != digest:
        raise Corrupt(f"pack {pack_id}: its footer does not match its digest")
    if storage.read(key(pack_id), 0, len(HEADER)) != HEADER:
        raise Corrupt(f"pack {pack_id}: its header is damaged")
    records = decode_footer(footer)
    if len(HEADER) + sum(record.stored_size for record in records) != start:
        raise Corrupt(f"pack {pack_id}: its blocks do not fill it")
    return records


def decode_footer(footer: bytes) -> list[Record]:
    """The records of a footer whose digest has been checked; Corrupt if it is not well-formed all the same."""
    try:
        return list(_records(footer))
    except struct.error as error:
        raise Corrupt("a pack's footer is malformed") from error


def _records(footer: bytes) -> Iterator[Record]:
    (count,) = COUNT.unpack_from(footer)
    at, offset = COUNT.size, len(HEADER)
    for _ in range(count):
        fixed = Fixed.read(footer, at)
        rest = at + RECORD.size
        at = rest + fixed.rest
        if at > len(footer) or fixed.offset != offset:
            raise Corrupt("a pack's footer is malformed")
        record = fixed.record(footer[rest:at], offset)
        offset += record.stored_size
        yield record
    if at != len(footer):
        raise Corrupt("a pack's footer is malformed")


def stored_size_of(table: bytes, size: int, block_size: int) -> int:
    """Bytes of all blocks; Corrupt unless there are as many as ``size`` takes and none is longer than its raw bytes."""
    lengths = [length for (length,) in struct.iter_unpack(_LENGTH, table)]
    if not 1 <= block_size <= MAX_BLOCK_SIZE or len(lengths) != -(-size // block_size):
        raise Corrupt("a pack's footer is malformed")
    if lengths and (max(lengths) > block_size or lengths[-1] > size - (len(lengths) - 1) * block_size):
        raise Corrupt("a pack's footer is malformed")
    return sum(lengths)
