"""An object store in small: tiny blocks and packs, so that a few kilobytes make many of each."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

import sqlalchemy as sa

from tukar import formats
from tukar.database import Database
from tukar.objects import compaction, index
from tukar.objects.cache import BlockCache
from tukar.objects.check import Checker, Finding
from tukar.objects.gc import Collected, Collector
from tukar.objects.landing import Landing
from tukar.objects.packs import Record, pack_id_of, read_footer
from tukar.objects.reading import FileReader
from tukar.objects.sources import BytesSource
from tukar.objects.tables import files, packs
from tukar.storage.base import Storage
from tukar.types import Digest

NOW = 1_700_000_000.0
BLOCK, PACK = 512, 4096


@dataclass
class Store:
    """A database and a storage, and what tests do with them. ``roots`` are the sha256 of the files that are needed."""

    database: Database
    storage: Storage
    block_size: int = BLOCK
    pack_size: int = PACK
    cache: BlockCache = field(default_factory=lambda: BlockCache(1 << 20))
    roots: set[str] = field(default_factory=set)
    freed: list[int] = field(default_factory=list)

    def landing(self, now: float = NOW) -> Landing:
        return Landing(self.database, self.storage, now, self.block_size, self.pack_size)

    def land(self, *contents: bytes, now: float = NOW) -> list[str]:
        """Store files as one landing; returns their sha256. They are needed from then on."""
        with self.landing(now) as landing:
            sha256s = [landing.add(BytesSource(content), sha256_of(content)) for content in contents]
            landing.seal()
            with self.database.write() as tx:
                landing.register(tx)
                self.roots.update(sha256s)
        return sha256s

    def open(self, sha256: str, storage: Storage | None = None) -> FileReader:
        with self.database.read() as tx:
            found = index.get_file(tx, sha256)
        return FileReader(self.database, storage or self.storage, self.cache, found)

    def has(self, sha256: str) -> bool:
        with self.database.read() as tx:
            return index.find_file(tx, sha256) is not None

    def read(self, sha256: str) -> bytes:
        reader = self.open(sha256)
        return reader.read(0, reader.size)

    def collect(self, now: float = NOW, grace: float = 0) -> Collected:
        return Collector(self.database, self.storage, self._needed, lambda _, ids: self.freed.extend(ids)).run(
            now, grace
        )

    def collect_and_move(self) -> Collected:
        """Collect, and rewrite every pack as if much of it were dead."""
        with patch.object(compaction, "_DEAD_SHARE", -1.0):
            return self.collect()

    def check(self, storage: Storage | None = None) -> list[Finding]:
        return list(Checker(self.database, storage or self.storage, NOW).run())

    def rows(self, query: sa.Select) -> list:
        with self.database.read() as tx:
            return list(tx.execute(query).all())

    def count(self, table: sa.Table) -> int:
        return int(self.rows(sa.select(sa.func.count()).select_from(table))[0][0])

    def blobs(self) -> dict[str, int]:
        return {stat.key: stat.size for stat in self.storage.list()}

    def data(self) -> dict[str, bytes]:
        return {key: self.storage.read(key, 0, size) for key, size in self.blobs().items()}

    def put(self, key: str, data: bytes) -> None:
        """Replace a blob, or add one."""
        with self.storage.create(key) as blob:
            blob.write(data)

    def records(self) -> list[tuple[str, Record]]:
        """What the packs say is in them."""
        ids = (pack_id_of(key) for key in self.blobs())
        return [(pack_id, record) for pack_id in ids if pack_id for record in read_footer(self.storage, pack_id)]

    def states(self) -> dict[str, str]:
        """The packs that the index knows."""
        return {row.id: row.state for row in self.rows(sa.select(packs.c.id, packs.c.state))}

    def _needed(self) -> Sequence[sa.Select[int]]:
        return [sa.select(files.c.id).where(files.c.sha256.in_(sorted(self.roots)))]


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not shrink."""
    return random.Random(seed).randbytes(size)


def text(size: int, seed: int = 0) -> bytes:
    """Bytes that shrink, no two blocks of them the same."""
    words = [f"{word:x} " * 4 for word in random.Random(seed).sample(range(1 << 20), size // 8 + 1)]
    return "".join(words).encode()[:size]


def flipped(data: bytes, byte: int) -> bytes:
    """``data`` with one bit of a byte the other way."""
    return data[:byte] + bytes([data[byte] ^ 4]) + data[byte + 1 :]


def pieces(content: bytes) -> list[tuple[int, bytes]]:
    """What a file is cut into: where each piece begins, and its bytes."""
    cuts = formats.cut(formats.open_file(BytesSource(content)), len(content))
    return [(piece.start, content[piece.start : piece.stop]) for piece in cuts]


def digests(content: bytes) -> set[Digest]:
    return {Digest.of(piece) for _, piece in pieces(content)}
