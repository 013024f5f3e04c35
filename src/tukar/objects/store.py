"""The object store: what the rest of Tukar sees of this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tukar.database import Database
from tukar.objects import index
from tukar.objects.cache import BlockCache
from tukar.objects.check import Checker
from tukar.objects.check import Progress as CheckProgress
from tukar.objects.gc import Collector, Freeing, Roots
from tukar.objects.index import StoredFile
from tukar.objects.landing import Landing
from tukar.objects.landing import Progress as LandingProgress
from tukar.objects.reading import FileReader
from tukar.storage.base import Storage

_CACHE: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Files in, files out, over one database and one storage."""

    database: Database
    storage: Storage
    cache: BlockCache = field(default_factory=lambda: BlockCache(_CACHE))

    def landing(self, now: float, on_progress: LandingProgress = lambda _: None) -> Landing:
        """A context that takes files in."""
        return Landing(self.database, self.storage, now, on_progress=on_progress)

    def open(self, file: StoredFile) -> FileReader:
        """A stored file, to be read."""
        return FileReader(self.database, self.storage, self.cache, file)

    def open_sha256(self, sha256: str) -> FileReader:
        """A stored file by its sha256; NotFound if there is none."""
        with self.database.read() as tx:
            return self.open(index.get_file(tx, sha256))

    def collector(self, roots: Roots, freeing: Freeing) -> Collector:
        """Garbage collection, with what is needed and what to do when a file is freed."""
        return Collector(self.database, self.storage, roots, freeing)

    def checker(
        self, now: float, on_progress: CheckProgress = lambda _: None, on_damage: Callable[[], None] = lambda: None
    ) -> Checker:
        """Check of all that is stored; ``on_damage`` is called where there is more damage than was known."""
        return Checker(self.database, self.storage, now, on_progress, on_damage)
