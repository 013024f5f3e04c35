"""Files made of objects that arrived: known, and held, once they were put together and have their sha256."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tukar.database import Database, Transaction
from tukar.errors import Corrupt
from tukar.objects import damage, holds, index, manifests, registration
from tukar.objects.index import FreedMeanwhile
from tukar.objects.packs import CONTENT, MANIFEST
from tukar.objects.proof import Proof
from tukar.objects.reading import read_object
from tukar.storage.base import Storage
from tukar.types import Digest, Manifest

_MANIFEST_SIZE: Final = 64 << 20  # bytes: a million parts and more
_STEP: Final = 256  # parts put together between two signs of progress

Progress = Callable[[int], None]
"""Called with the number of bytes of files that were put together since the last call."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Puts files together for one owner, from objects that are stored."""

    database: Database
    storage: Storage
    owner: str
    now: float

    def manifest(self, digest: Digest, sha256: str, size: int) -> Manifest:
        """A manifest that arrived.

        Corrupt if it is not that of a file with this sha256 and size; FreedMeanwhile if it is not here.
        """
        with self.database.read() as tx:
            location = index.locate(tx, [digest]).get(digest)
        if location is None:
            raise FreedMeanwhile
        if location.record.kind != MANIFEST or location.record.size > _MANIFEST_SIZE:
            raise Corrupt(f"object {digest} is no manifest")
        found = manifests.decode(read_object(self.storage, location))
        if (found.sha256, found.size) != (sha256, size):
            raise Corrupt(f"manifest {digest} is of another file: sha256 {found.sha256}, {found.size} bytes")
        if not re.fullmatch(r"[a-z0-9_-]{1,32}", found.format):
            raise Corrupt(f"manifest {digest} names no format: {found.format[:40]!r}")
        return found

    def is_here(self, sha256: str) -> bool:
        """Whether the file is stored, whole; if so, it is held from now on."""
        with self.database.write() as tx:
            if index.find_file(tx, sha256) is None or damage.damaged_files(tx, [sha256]):
                return False
            self._hold(tx, registration.revive_file(tx, sha256))
            return True

    def add(self, manifest: Manifest, digest: Digest, on_progress: Progress = lambda _: None) -> None:
        """Make a file known, and hold it. Its parts must be stored.

        Corrupt if what they make up is not the file; FreedMeanwhile if one is not here.
        """
        self._check(manifest)
        proof = Proof(self.database, self.storage, {}, list(manifest.parts))
        for start in range(0, len(manifest.parts), _STEP):
            stop = min(start + _STEP, len(manifest.parts))
            proof.advance(stop)
            on_progress(sum(part.length for part in manifest.parts[start:stop]))
        if proof.sha256() != manifest.sha256:
            raise Corrupt(f"what arrived has sha256 {proof.sha256()}, not {manifest.sha256} as announced")
        with self.database.write() as tx:
            self._hold(tx, registration.add_file(tx, manifest, digest, self.now))

    def _hold(self, tx: Transaction, file_id: int) -> None:
        holds.touch(tx, self.owner, self.now)
        holds.hold_file(tx, self.owner, file_id)

    def _check(self, manifest: Manifest) -> None:
        """Corrupt unless each part is content, and as long as the object that it names."""
        with self.database.read() as tx:
            found = index.locate(tx, {part.digest for part in manifest.parts})
        for part in manifest.parts:
            location = found.get(part.digest)
            if location is None:
                raise FreedMeanwhile
            if (location.record.kind, location.record.size) != (CONTENT, part.length):
                raise Corrupt(f"the manifest of {manifest.sha256} does not fit object {part.digest}")
