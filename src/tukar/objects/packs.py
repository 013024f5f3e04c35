"""The pack: the one container of the byte format (docs/format/pack.md).

A pack is a header, the stored blocks of its objects one after another, a footer that describes them, and a trailer of
fixed length. Every byte is covered by a digest: the blocks by the footer, the footer by the trailer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from types import TracebackType
from typing import Final, Self

from tukar.codecs.base import Codec, TensorView
from tukar.errors import Corrupt
from tukar.storage.base import Storage
from tukar.types import Digest

CONTENT: Final = 0
MANIFEST: Final = 1

PREFIX: Final = "packs/"
HEADER: Final = b"TUKARPK\x01"
_END: Final = b"TUKARPK\x02"
_RECORD: Final = struct.Struct(
    "<32sBBHIQQII"
)  # digest, kind, codec, 0, block size, offset, size, meta and block counts
_BLOCK: Final = struct.Struct("<I32s32s")  # stored length, digest of the stored bytes, digest of the raw bytes
_COUNT: Final = struct.Struct("<I")
_TRAILER: Final = struct.Struct("<Q32s8s")  # footer length, its digest, the end mark
_MAX_FOOTER: Final = 256 << 20


def key(pack_id: str) -> str:
    """Where a pack lies in the storage."""
    return f"{PREFIX}{pack_id[:2]}/{pack_id}"


@dataclass(frozen=True, slots=True)
class Block:
    """One block of an object: where it lies in the pack and what it must be."""

    start: int
    stored_size: int
    raw_size: int
    stored_digest: bytes
    raw_digest: bytes


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
        meta: the codec's own.
        table: one entry of 68 bytes a block: stored length, digest of the stored bytes, digest of the raw bytes.
    """

    digest: Digest
    kind: int
    size: int
    codec: int
    block_size: int
    offset: int
    meta: bytes
    table: bytes

    @property
    def stored_size(self) -> int:
        """Bytes of its stored blocks."""
        return sum(length for length, _, _ in _BLOCK.iter_unpack(self.table))

    @property
    def is_well_formed(self) -> bool:
        """Whether there is an entry for every block."""
        return len(self.table) == -(-self.size // self.block_size) * _BLOCK.size

    def blocks(self, start: int = 0, stop: int | None = None) -> list[Block]:
        """The blocks that hold the raw bytes ``start`` to ``stop``, in order."""
        stop = self.size if stop is None else stop
        if start >= stop:
            return []
        first, last = start // self.block_size, (stop - 1) // self.block_size
        # The lengths come before the wanted entries; where all blocks are stored as they are, they need not be summed.
        entries = list(_BLOCK.iter_unpack(self.table[: (last + 1) * _BLOCK.size]))
        starts = list(accumulate((length for length, _, _ in entries), initial=self.offset))
        return [
            Block(
                starts[index],
                entries[index][0],
                min(self.block_size, self.size - index * self.block_size),
                entries[index][1],
                entries[index][2],
            )
            for index in range(first, last + 1)
        ]


class PackWriter:
    """Writes one pack. Visible and durable once the context is left without an exception."""

    def __init__(self, storage: Storage, pack_id: str) -> None:
        self.id = pack_id
        self.records: list[Record] = []
        self.size = 0
        self.footer_size = _COUNT.size
        self._create: AbstractContextManager[object] = storage.create(key(pack_id))

    def __enter__(self) -> Self:
        self._blob = self._create.__enter__()
        with self._abandoned_on_error():
            self._write(HEADER)
        return self

    def add(self, digest: Digest, kind: int, codec: Codec, tensor: TensorView, block_size: int) -> Record:
        """Encode and append an object. Each block is decoded again: the digest of what comes out is noted."""
        meta, blocks = codec.encode(tensor, (), block_size)
        offset, size = self.size, tensor.data.size
        table = bytearray()
        for index, stored in enumerate(blocks):
            raw_size = min(block_size, size - index * block_size)
            table += _block_entry(codec, meta, stored, raw_size)
            self._write(stored)
        return self._note(Record(digest, kind, size, codec.id, block_size, offset, meta, bytes(table)))

    def copy(self, record: Record, stored: Iterator[bytes]) -> Record:
        """Append an object that is encoded already, its stored bytes in order."""
        offset = self.size
        for piece in stored:
            self._write(piece)
        moved = Record(
            record.digest, record.kind, record.size, record.codec, record.block_size, offset, record.meta, record.table
        )
        if self.size - offset != record.stored_size:
            raise Corrupt(f"object {record.digest}: {self.size - offset} stored bytes, not {record.stored_size}")
        return self._note(moved)

    def _note(self, record: Record) -> Record:
        self.records.append(record)
        self.footer_size += _RECORD.size + len(record.meta) + len(record.table)
        return record

    def _write(self, data: bytes) -> None:
        self._blob.write(data)  # type: ignore[attr-defined]
        self.size += len(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            with self._abandoned_on_error():
                self._write(encode_footer(self.records))
        self._create.__exit__(kind, error, trace)

    @contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._create.__exit__(type(error), error, error.__traceback__)
            raise


def _block_entry(codec: Codec, meta: bytes, stored: bytes, raw_size: int) -> bytes:
    stored_digest = Digest.of(stored)
    if len(stored) == raw_size:  # stored as it is
        return _BLOCK.pack(len(stored), stored_digest, stored_digest)
    raw = codec.decode(meta, stored, raw_size, ())
    return _BLOCK.pack(len(stored), stored_digest, Digest.of(raw))


def encode_footer(records: Sequence[Record]) -> bytes:
    """The footer and the trailer of a pack that holds ``records``."""
    footer = bytearray(_COUNT.pack(len(records)))
    for r in records:
        blocks = len(r.table) // _BLOCK.size
        footer += _RECORD.pack(r.digest, r.kind, r.codec, 0, r.block_size, r.offset, r.size, len(r.meta), blocks)
        footer += r.meta
        footer += r.table
    return bytes(footer) + _TRAILER.pack(len(footer), Digest.of(footer), _END)


def read_footer(storage: Storage, pack_id: str) -> list[Record]:
    """What a pack holds, from the pack itself. Corrupt if any byte of footer, trailer or header is not as it was."""
    size = storage.stat(key(pack_id)).size
    smallest = len(HEADER) + _COUNT.size + _TRAILER.size
    if size < smallest:
        raise Corrupt(f"pack {pack_id}: {size} bytes; the smallest pack has {smallest}")
    length, digest, end = _TRAILER.unpack(storage.read(key(pack_id), size - _TRAILER.size, size))
    if end != _END or length > min(size - len(HEADER) - _TRAILER.size, _MAX_FOOTER):
        raise Corrupt(f"pack {pack_id}: its trailer is damaged")
    start = size - _TRAILER.size - length
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
    (count,) = _COUNT.unpack_from(footer)
    at, offset = _COUNT.size, len(HEADER)
    for _ in range(count):
        digest, kind, codec, zero, block_size, start, size, meta_size, blocks = _RECORD.unpack_from(footer, at)
        meta_at = at + _RECORD.size
        table_at = meta_at + meta_size
        at = table_at + blocks * _BLOCK.size
        record = Record(
            Digest(digest), kind, size, codec, block_size, start, footer[meta_at:table_at], footer[table_at:at]
        )
        if zero or start != offset or at > len(footer) or block_size == 0 or not record.is_well_formed:
            raise Corrupt("a pack's footer is malformed")
        offset += record.stored_size
        yield record
    if at != len(footer):
        raise Corrupt("a pack's footer is malformed")
