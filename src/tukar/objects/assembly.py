"""Files made of objects that arrived: known, and held, once they were put together and have their sha256.

An owner makes files of what is held for them and of nothing else: of what they sent, or may know to be here. That an
object, or the whole file, is stored here for others makes no difference: knowing its digest gives no right to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tukar.database import Database, Transaction
from tukar.errors import Corrupt
from tukar.objects import damage, holds, manifests, registration
from tukar.objects.index import FreedMeanwhile, Location
from tukar.objects.packs import CONTENT, MANIFEST
from tukar.objects.proof import Proof
from tukar.objects.reading import read_object
from tukar.objects.scopes import manifests_of
from tukar.objects.stream import NotAsAnnounced
from tukar.storage.base import Storage
from tukar.types import Digest, Manifest

_MANIFEST_SIZE: Final = 64 << 20  # bytes: a million parts and more
_STEP: Final = 256  # parts put together between two signs of progress

Progress = Callable[[int], None]
"""Called with the number of bytes of files that were put together since the last call."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Puts files together for one owner, from objects that are held for them."""

    database: Database
    storage: Storage
    owner: str
    now: float

    def assemble(self, sha256: str, size: int, digest: Digest, on_progress: Progress = lambda _: None) -> None:
        """Make the file known whose manifest is held under ``digest``, and hold it.

        NotAsAnnounced if what the manifest names does not make up the file; FreedMeanwhile if an object is not held.
        """
        manifest = self.manifest(digest, sha256, size)
        self._check(manifest)
        if self._is_stored_so(manifest, digest):
            on_progress(size)
            return
        self._prove(manifest, on_progress)
        with self.database.write() as tx:
            self._hold(tx, registration.add_file(tx, manifest, digest, self.now))

    def manifest(self, digest: Digest, sha256: str, size: int) -> Manifest:
        """A manifest that arrived.

        NotAsAnnounced if it is not that of a file with this sha256 and size; FreedMeanwhile if it is not held.
        """
        location = self._located([digest])[digest]
        if location.record.kind != MANIFEST or location.record.size > _MANIFEST_SIZE:
            raise NotAsAnnounced(f"object {digest} is no manifest")
        found = _decoded(read_object(self.storage, location))
        if (found.sha256, found.size) != (sha256, size):
            raise NotAsAnnounced(f"manifest {digest} is of another file: sha256 {found.sha256}, {found.size} bytes")
        if not re.fullmatch(r"[a-z0-9_-]{1,32}", found.format):
            raise NotAsAnnounced(f"manifest {digest} names no format: {found.format[:40]!r}")
        return found

    def _check(self, manifest: Manifest) -> None:
        """NotAsAnnounced unless each part is content, and as long as the object that it names."""
        found = self._located({part.digest for part in manifest.parts})
        for part in manifest.parts:
            record = found[part.digest].record
            if (record.kind, record.size) != (CONTENT, part.length):
                raise NotAsAnnounced(f"the manifest of {manifest.sha256} does not fit object {part.digest}")

    def _located(self, digests: Iterable[Digest]) -> dict[Digest, Location]:
        wanted = set(digests)
        with self.database.read() as tx:
            found = holds.locations_of(tx, self.owner, wanted)
        if found.keys() != wanted:
            raise FreedMeanwhile
        return found

    def _is_stored_so(self, manifest: Manifest, digest: Digest) -> bool:
        """Whether the file is stored, whole, with this very manifest; if so, it is held from now on.

        The manifest names all its bytes, which the owner has sent or may know: so they may have the file. Another
        manifest of the same sha256 is a claim that has to be proven.
        """
        with self.database.write() as tx:
            stored = manifests_of(tx, [manifest.sha256]).get(manifest.sha256)
            if stored != digest or damage.damaged_files(tx, [manifest.sha256]):
                return False
            self._hold(tx, registration.revive_file(tx, manifest.sha256))
            return True

    def _prove(self, manifest: Manifest, on_progress: Progress) -> None:
        proof = Proof(self.database, self.storage, {}, list(manifest.parts))
        for start in range(0, len(manifest.parts), _STEP):
            stop = min(start + _STEP, len(manifest.parts))
            proof.advance(stop)
            on_progress(sum(part.length for part in manifest.parts[start:stop]))
        if proof.sha256() != manifest.sha256:
            raise NotAsAnnounced(f"what arrived has sha256 {proof.sha256()}, not {manifest.sha256} as announced")

    def _hold(self, tx: Transaction, file_id: int) -> None:
        holds.touch(tx, self.owner, self.now)
        holds.hold_file(tx, self.owner, file_id)


def _decoded(data: bytes) -> Manifest:
    try:
        return manifests.decode(data)
    except Corrupt as error:
        raise NotAsAnnounced(error.message) from error
