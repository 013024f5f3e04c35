"""Stores as the ends of a transfer, and ways between them that break."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from tukar.database import Database
from tukar.errors import Unavailable
from tukar.exchange.local import Announced, LocalDestination, LocalSource, LocalStore
from tukar.exchange.remote import Bases, Source
from tukar.objects import index, manifests
from tukar.objects.landing import Landing
from tukar.objects.reading import read_object
from tukar.objects.scopes import manifests_of
from tukar.objects.sources import BytesSource
from tukar.objects.stream import Start
from tukar.objects.tables import objects
from tukar.storage.base import Storage
from tukar.types import Digest, Manifest

NOW = 1_700_000_000.0


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Side:
    """A hub's store, as far as transfers go."""

    store: LocalStore
    block_size: int = 512

    @classmethod
    def over(cls, database: Database, storage: Storage, folder: Path) -> Side:
        return cls(LocalStore(database, storage, folder, lambda: NOW))

    def land(self, *contents: bytes) -> None:
        with Landing(self.store.database, self.store.storage, NOW, self.block_size, 4096) as landing:
            for content in contents:
                landing.add(BytesSource(content))
            landing.seal()
            with self.store.database.write() as tx:
                landing.register(tx)

    def source(self, *contents: bytes) -> LocalSource:
        """Gives these files."""
        with self.store.database.read() as tx:
            ids = [file.id for file in index.find_files(tx, map(sha256_of, contents)).values()]
        return LocalSource(self.store, lambda file_id: file_id.in_(ids))

    def destination(self, *admitted: bytes, owner: str = "swap:1") -> LocalDestination:
        """Takes for an owner, to whom it admits these files."""
        return LocalDestination(self.store, owner, self.source(*admitted).scope)

    def announced(self, content: bytes) -> Announced:
        sha256 = sha256_of(content)
        with self.store.database.read() as tx:
            return Announced(sha256, len(content), manifests_of(tx, [sha256])[sha256])

    def manifest(self, content: bytes) -> Manifest:
        with self.store.database.read() as tx:
            digest = self.announced(content).manifest
            return manifests.decode(read_object(self.store.storage, index.locate(tx, [digest])[digest]))

    def wanted(self, *contents: bytes) -> dict[Digest, int]:
        """Every object of these files, manifests first."""
        found = {self.announced(content).manifest: 0 for content in contents}
        for content in contents:
            found |= {part.digest: part.length for part in self.manifest(content).parts}
        return found

    def digests(self) -> set[Digest]:
        with self.store.database.read() as tx:
            return {Digest(row[0]) for row in tx.execute(sa.select(objects.c.digest))}

    def read(self, content: bytes) -> bytes:
        from tukar.objects.store import ObjectStore

        reader = ObjectStore(self.store.database, self.store.storage).open_sha256(sha256_of(content))
        return reader.read(0, reader.size)


@dataclass
class Line:
    """A source behind a line that is cut after so many bytes, again and again, and that may flip a bit."""

    source: Source
    cuts: list[int] = field(default_factory=list)
    flips: int | None = None
    carried: int = 0
    asked: list[tuple[tuple[Digest, ...], Start | None]] = field(default_factory=list)

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        return self.source.bases(wanted)

    @contextmanager
    def read(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> Iterator[Iterator[bytes]]:
        self.asked.append((tuple(wanted), start))
        with self.source.read(wanted, start, differences) as pieces:
            yield self._carry(pieces)

    def _carry(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        left = self.cuts.pop(0) if self.cuts else None
        for piece in pieces:
            passing = piece if left is None else piece[:left]
            if self.flips is not None and self.flips < len(passing):
                passing = passing[: self.flips] + bytes([passing[self.flips] ^ 1]) + passing[self.flips + 1 :]
                self.flips = None
            self.carried += len(passing)
            if passing:
                yield passing
            if left is not None:
                left -= len(passing)
                if not left:
                    raise Unavailable("the line was cut")
