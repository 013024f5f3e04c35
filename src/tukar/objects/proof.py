"""The proof that a file is stored: it is put together again from the store, and its sha256 compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tukar.database import Database
from tukar.objects import index
from tukar.objects.index import Location, StoredPart
from tukar.objects.reading import Blocks, stream
from tukar.storage.base import Storage
from tukar.types import Digest, Part

_BATCH: Final = 500


@dataclass(slots=True)
class Proof:
    """One file, put together part by part as its parts come to be readable.

    Attributes:
        fresh: where objects are that the index does not know yet.
        parts: the file's parts as far as they are known, in order.
    """

    database: Database
    storage: Storage
    fresh: Mapping[Digest, Location]
    parts: list[Part] = field(default_factory=list)
    _done: int = 0
    _hasher: Any = field(default_factory=hashlib.sha256)

    @property
    def is_behind(self) -> bool:
        """Whether there are parts that have not been read."""
        return self._done < len(self.parts)

    def advance(self, count: int) -> None:
        """Read the parts up to ``count``, all of which are stored.

        Corrupt if one does not match its digest; FreedMeanwhile if gc freed one that was stored before.
        """
        while self._done < count:
            batch = self.parts[self._done : min(count, self._done + _BATCH)]
            self._read(batch)
            self._done += len(batch)

    def _read(self, batch: Sequence[Part]) -> None:
        def look(start: int, stop: int) -> list[StoredPart]:
            return [part for part in self._stored(batch) if part.start + part.length > start]

        for data in stream(Blocks(self.storage), look, 0, sum(part.length for part in batch)):
            self._hasher.update(data)

    def _stored(self, batch: Sequence[Part]) -> list[StoredPart]:
        locations = self._locate({part.digest for part in batch})
        stored, start = [], 0
        for part in batch:
            stored.append(StoredPart(start, part.length, locations[part.digest]))
            start += part.length
        return stored

    def _locate(self, digests: set[Digest]) -> dict[Digest, Location]:
        found = {digest: self.fresh[digest] for digest in digests if digest in self.fresh}
        with self.database.read() as tx:
            found |= index.locate(tx, digests - found.keys())
        if found.keys() != digests:
            raise index.FreedMeanwhile
        return found

    def sha256(self) -> str:
        """The sha256 of all parts that were read."""
        digest: str = self._hasher.hexdigest()
        return digest
