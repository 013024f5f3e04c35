"""What a Xet client sends: xorbs from chunks, and shards that put files together from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tukar.xet import Shard, ShardFile, Term, XetHash, XorbTable, chunk_hash, file_hash, range_hash, write_shard
from tukar.xet.chunks import encode


@dataclass(frozen=True, slots=True)
class MadeXorb:
    """A xorb of these chunks, uncompressed."""

    chunks: tuple[bytes, ...]

    @property
    def table(self) -> XorbTable:
        """Its chunks' hashes and lengths."""
        return XorbTable.of((chunk_hash(chunk), len(chunk)) for chunk in self.chunks)

    @property
    def hash(self) -> XetHash:
        """Its hash."""
        return self.table.hash

    @property
    def body(self) -> bytes:
        """As it is uploaded; also its view, as a hub serves it."""
        return b"".join(encode(chunk) for chunk in self.chunks)

    def run(self, start: int = 0, stop: int | None = None) -> MadeRun:
        """The chunks ``start`` to ``stop`` (exclusive; default: all)."""
        return MadeRun(self, start, len(self.chunks) if stop is None else stop)


@dataclass(frozen=True, slots=True)
class MadeRun:
    """A run of a xorb's chunks."""

    xorb: MadeXorb
    start: int
    stop: int

    @property
    def data(self) -> bytes:
        """Its raw bytes."""
        return b"".join(self.xorb.chunks[self.start : self.stop])

    @property
    def term(self) -> Term:
        """As a shard names it."""
        return Term(self.xorb.hash, self.start, self.stop, len(self.data))


def made_file(*runs: MadeRun, verified: bool = True) -> ShardFile:
    """The file that these runs amount to, with its true hashes."""
    data = b"".join(run.data for run in runs)
    chunks = [chunk for run in runs for chunk in run.xorb.table.chunks(run.start, run.stop)]
    checks = tuple(range_hash(run.xorb.table.hash_bytes(run.start, run.stop)) for run in runs) if verified else None
    return ShardFile(file_hash(chunks), tuple(run.term for run in runs), checks, hashlib.sha256(data).hexdigest())


def made_shard(*files: ShardFile, xorbs: Iterable[MadeXorb] = ()) -> bytes:
    """A shard as it is uploaded."""
    return write_shard(Shard(files, tuple(xorb.table for xorb in xorbs)))
