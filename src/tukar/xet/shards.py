"""Shards: what a client says about the files it uploads. Which chunks of which xorbs a file consists of.

A shard is a row of 48-byte records: a header, file blocks up to a bookend, xorb blocks up to a bookend. Everything in
it is a claim of the client's; ``verify_file`` holds a file against the xorbs' own tables.

Source: the Xet protocol specification, "Shard" (https://huggingface.co/docs/xet/shard), and xet-core (metadata_shard/).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tukar.errors import Invalid
from tukar.xet.chunks import MAX_CHUNK_BYTES
from tukar.xet.hashes import NO_HASH, XetHash
from tukar.xet.tables import MAX_XORB_CHUNKS, XorbTable
from tukar.xet.xorbs import Readable

MAX_SHARD_BYTES: Final = 64 * 1024 * 1024
"""Clients cut their shards at this size."""
MAX_SHARD_ENTRIES: Final = 256 * 1024
"""No more files and terms together are taken from one shard, since they cost several times their bytes in memory. With
terms of 8 chunks on average, which xet-core sees to, it is enough for 128 GiB."""

_TAG: Final = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
_VERSION: Final = 2
_FOOTER_BYTES: Final = (0, 200)  # none, as clients send it now, or that of a shard on disk, which older ones send
_VERIFIED, _WITH_SHA256 = 1 << 31, 1 << 30
_BOOKEND: Final = b"\xff" * 32

_RECORD_BYTES: Final = 48
_BATCH: Final = 1024  # records read at a time: what is allocated follows what has come, not what was announced
_HEADER: Final = struct.Struct("<32sQQ")  # tag, version, bytes of the footer
_BLOCK: Final = struct.Struct("<32sII8x")  # of a file or xorb: hash, flags, number of entries
_TERM: Final = struct.Struct("<32s4xIII")  # xorb, (flags), raw bytes, first chunk, chunk after the last
_HASH: Final = struct.Struct("<32s16x")
_CHUNK: Final = struct.Struct("<32s4xI8x")  # hash, (offset), raw bytes, (flags)


@dataclass(frozen=True, slots=True)
class Term:
    """A run of a file: the chunks ``chunk_start`` to ``chunk_end`` (exclusive) of a xorb, ``nbytes`` raw bytes."""

    xorb: XetHash
    chunk_start: int
    chunk_end: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file as a client says it is put together.

    Attributes:
        hash: its Xet hash.
        terms: its runs, in file order; none for an empty file.
        verification: for each term the range hash of its chunks, or None if the client sent none.
        sha256: of the whole file, 64 hex digits, or None if the client sent none.
    """

    hash: XetHash
    terms: tuple[Term, ...]
    verification: tuple[XetHash, ...] | None = None
    sha256: str | None = None

    @property
    def size(self) -> int:
        """The file's length in bytes."""
        return sum(term.nbytes for term in self.terms)


@dataclass(frozen=True, slots=True)
class Shard:
    """The files of a shard, and the xorbs that are new in it, with the chunks that the client says they have."""

    files: tuple[ShardFile, ...]
    xorbs: tuple[XorbTable, ...]


def read_shard(body: Readable, limit: int = MAX_SHARD_BYTES) -> Shard:
    """Parse an uploaded shard of at most ``limit`` bytes.

    Invalid if it is not well-formed, is larger, has more than ``MAX_SHARD_ENTRIES``, or claims what the protocol does
    not allow. Memory follows the bytes that are really there, whatever they announce.
    """
    records = _Records(body, limit)
    tag, version, footer = _HEADER.unpack(records.one())
    if tag != _TAG or version != _VERSION or footer not in _FOOTER_BYTES:
        raise Invalid("not a shard of version 2")
    shard = Shard(tuple(_files(records)), tuple(_xorbs(records)))
    records.finish(has_footer=footer > 0)
    return shard


def write_shard(shard: Shard) -> bytes:
    """A shard as clients upload it: without a footer."""
    parts = [_HEADER.pack(_TAG, _VERSION, 0)]
    for file in shard.files:
        parts.extend(_file_records(file))
    parts.append(_BLOCK.pack(_BOOKEND, 0, 0))
    for xorb in shard.xorbs:
        parts.extend(_xorb_records(xorb))
    parts.append(_BLOCK.pack(_BOOKEND, 0, 0))
    return b"".join(parts)


def _files(records: _Records) -> Iterator[ShardFile]:
    entries = 0
    for raw, flags, count in records.blocks():
        entries += 1 + count
        if entries > MAX_SHARD_ENTRIES:
            raise Invalid(
                f"a shard has more than {MAX_SHARD_ENTRIES} files and terms", hint="upload fewer files at a time"
            )
        if flags & ~(_VERIFIED | _WITH_SHA256):
            raise Invalid(f"a file in a shard has unknown flags ({flags:#010x})")
        terms = tuple(_term(*fields) for fields in records.many(_TERM, count))
        verification = tuple(XetHash(hash_) for (hash_,) in records.many(_HASH, count)) if flags & _VERIFIED else None
        # A sha256 is written, and so printed, like the protocol's own hashes.
        sha256 = str(XetHash(records.one()[:32])) if flags & _WITH_SHA256 else None
        if (raw == NO_HASH) != (not terms):
            raise Invalid(f"file {XetHash(raw)} in a shard has {len(terms)} terms: only the empty file has none")
        yield ShardFile(XetHash(raw), terms, verification, sha256)


def _term(xorb: bytes, nbytes: int, start: int, end: int) -> Term:
    count = end - start
    if not 0 < count <= MAX_XORB_CHUNKS or end > MAX_XORB_CHUNKS or not count <= nbytes <= count * MAX_CHUNK_BYTES:
        raise Invalid(f"a shard has a term of {nbytes} bytes in the chunks {start} to {end} of xorb {XetHash(xorb)}")
    return Term(XetHash(xorb), start, end, nbytes)


def _xorbs(records: _Records) -> Iterator[XorbTable]:
    for raw, _, count in records.blocks():
        if count > MAX_XORB_CHUNKS:
            raise Invalid(f"a shard has a xorb of {count} chunks; at most {MAX_XORB_CHUNKS} are allowed")
        chunks = list(records.many(_CHUNK, count))
        yield XorbTable.claimed(XetHash(raw), b"".join(hash_ for hash_, _ in chunks), (size for _, size in chunks))


def _file_records(file: ShardFile) -> Iterator[bytes]:
    flags = _VERIFIED * (file.verification is not None) | _WITH_SHA256 * (file.sha256 is not None)
    yield _BLOCK.pack(file.hash, flags, len(file.terms))
    for term in file.terms:
        yield _TERM.pack(term.xorb, term.nbytes, term.chunk_start, term.chunk_end)
    for hash_ in file.verification or ():
        yield _HASH.pack(hash_)
    if file.sha256 is not None:
        yield _HASH.pack(XetHash.parse(file.sha256))


def _xorb_records(xorb: XorbTable) -> Iterator[bytes]:
    yield struct.pack("<32s4xII4x", xorb.hash, len(xorb), xorb.raw_size)
    for offset, (hash_, length) in zip(xorb.offsets, xorb.chunks(), strict=False):
        yield struct.pack("<32sII8x", hash_, offset, length)


class _Records:
    """The records of a shard, read in order and within a limit."""

    def __init__(self, body: Readable, limit: int) -> None:
        self._body = body
        self._left = limit

    def one(self) -> bytes:
        return self._read(_RECORD_BYTES)

    def blocks(self) -> Iterator[tuple[bytes, int, int]]:
        """The heads of a section's blocks up to its bookend: hash, flags, number of entries."""
        while True:
            hash_, flags, count = _BLOCK.unpack(self.one())
            if hash_ == _BOOKEND:
                return
            yield hash_, flags, count

    def many(self, layout: struct.Struct, count: int) -> Iterator[tuple[Any, ...]]:
        while count:
            batch = min(count, _BATCH)
            yield from layout.iter_unpack(self._read(batch * _RECORD_BYTES))
            count -= batch

    def finish(self, *, has_footer: bool) -> None:
        """Invalid if bytes are left that no footer accounts for."""
        while data := self._body.read(_BATCH * _RECORD_BYTES):
            self._left -= len(data)
            if not has_footer or self._left < 0:
                raise Invalid("a shard has bytes after its end")

    def _read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise Invalid("a shard announces more than the protocol allows in one")
        data = self._body.read(size)
        while len(data) < size:
            more = self._body.read(size - len(data))
            if not more:
                raise Invalid("a shard is cut off")
            data += more
        return data
