"""Landing: bytes that arrived become stored files.

Each file is cut into parts; parts that are stored already, undamaged, are not stored again; the rest is encoded into
packs. Before anything is registered the packs are durable and every file has been rebuilt from them and its sha256
compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tukar import formats
from tukar.codecs.base import TensorView
from tukar.database import Database, Transaction
from tukar.errors import Corrupt, Invalid, TukarError
from tukar.objects import cutting, damage, index, manifests, registration
from tukar.objects.encoding import BLOCK_SIZE
from tukar.objects.packing import Finished, Packing
from tukar.objects.packs import CONTENT, MANIFEST, object_hasher
from tukar.objects.proof import Proof
from tukar.objects.sources import BytesSource, SliceSource, steps
from tukar.storage.base import Storage
from tukar.types import ByteSource, Digest, Layout, Manifest, Part

PACK_SIZE: Final = 128 << 20
_READ_ONCE: Final = 8 << 20  # what is longer is read a second time when it is encoded
_GROUP_BYTES: Final = 16 << 20  # looked up together, and then read again while still in the page cache
_GROUP_PIECES: Final = 2048

Progress = Callable[[int], None]
"""Called with the number of bytes that have been dealt with since the last call."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of a file on its way into the store."""

    digest: Digest
    view: TensorView


@dataclass(frozen=True, slots=True)
class _Landed:
    """A file whose objects are all stored or in this landing's packs."""

    manifest: Manifest
    manifest_digest: Digest
    source: ByteSource
    proof: Proof


@dataclass(slots=True)
class Landing:
    """One batch of files: ``add`` each, ``seal``, and then ``register`` them in a transaction.

    Used as a context; what was not registered when it is left is removed again. About 32 MiB are held at a time,
    beside what is noted of each part.
    """

    database: Database
    storage: Storage
    now: float
    block_size: int = BLOCK_SIZE
    pack_size: int = PACK_SIZE
    on_progress: Progress = lambda _: None
    _landed: dict[str, _Landed] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _proofs: list[Proof] = field(default_factory=list)
    _sealed: bool = False
    _packing: Packing = field(init=False)

    def __post_init__(self) -> None:
        self._packing = Packing(self.database, self.storage, self.now, self.block_size, self.pack_size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._packing.abandon(error or Invalid("this landing was left before it was sealed"))
        finally:
            # What cannot be removed now, gc removes; it must not hide why we are here, nor fail what was committed.
            with suppress(TukarError):
                self._packing.drop_unregistered()

    def add(self, source: ByteSource, sha256: str | None = None) -> str:
        """Cut, compare and store one file; returns its sha256.

        With ``sha256`` given, the bytes must have it: a mismatch is found here or in ``seal``, and is Invalid.
        """
        if self._sealed:
            raise RuntimeError("this landing is sealed")
        known = sha256 is not None and self._is_known(sha256)
        if sha256 is None or known:
            actual = _sha256(source)
            if sha256 not in (None, actual):
                raise _mismatch(str(sha256), actual)
            sha256, known = actual, known or self._is_known(actual)
        if known:
            self.on_progress(source.size)
        else:
            self._landed[sha256] = self._land(source, sha256)
        return sha256

    def _is_known(self, sha256: str) -> bool:
        """Whether it need not be stored; if so, it is noted that the file is to be kept."""
        if sha256 in self._landed or sha256 in self._known:
            return True
        with self.database.read() as tx:
            if index.find_file(tx, sha256) is None or damage.damaged_files(tx, [sha256]):
                return False
        self._known.add(sha256)
        return True

    def _land(self, source: ByteSource, sha256: str) -> _Landed:
        layout = formats.open_file(source)
        proof = Proof(self.database, self.storage, self._packing.objects)
        self._proofs.append(proof)
        for group in _groups(self._pieces(source, layout)):
            self._store(group, CONTENT)
            proof.parts += [Part(piece.digest, piece.view.data.size) for piece in group]
        manifest = Manifest(sha256, source.size, layout.format, tuple(proof.parts))
        encoded = BytesSource(manifests.encode(manifest))
        digest = _digest(encoded, MANIFEST)
        self._store([_Piece(digest, TensorView(encoded))], MANIFEST)
        return _Landed(manifest, digest, source, proof)

    def _pieces(self, source: ByteSource, layout: Layout) -> Iterator[_Piece]:
        for piece in cutting.pieces(layout, source.size):
            window: ByteSource = SliceSource(source, piece.start, piece.stop)
            if window.size <= _READ_ONCE:
                window = BytesSource(window.read(0, window.size))
            dtype, shape = (piece.tensor.dtype, piece.tensor.shape) if piece.tensor else (None, ())
            yield _Piece(_digest(window, CONTENT), TensorView(window, dtype, shape))
            self.on_progress(window.size)

    def _store(self, pieces: Sequence[_Piece], kind: int) -> None:
        wanted = {piece.digest: piece.view for piece in pieces if piece.digest not in self._packing.objects}
        if not wanted:
            return
        with self.database.read() as tx:
            stored = index.locate_ids(tx, wanted)
            damaged = damage.damaged_objects(tx, stored.values())
        for digest, view in wanted.items():
            if digest not in stored or stored[digest] in damaged:
                self._packing.add(digest, kind, view, self._proven_so_far)

    def _proven_so_far(self) -> Finished:
        """What is to be done when all that was stored until now is durable: read it back."""
        ready = [(proof, len(proof.parts)) for proof in self._proofs if proof.is_behind]

        def advance() -> None:
            for proof, count in ready:
                proof.advance(count)

        return advance

    def seal(self) -> None:
        """Make the packs durable, then rebuild every file from the store and compare its sha256.

        Invalid where the bytes that arrived are not those that were announced; Corrupt where the store is at fault.
        FreedMeanwhile where gc freed what a file shares with others.
        """
        self._packing.close(self._proven_so_far())
        for sha256, landed in self._landed.items():
            if landed.proof.sha256() != sha256:
                actual = _sha256(landed.source)
                if actual != sha256:
                    raise _mismatch(sha256, actual)
                raise Corrupt(
                    f"the file {sha256} was not rebuilt as it arrived; nothing of it was kept", hint="try again"
                )
        self._sealed = True

    def register(self, tx: Transaction) -> dict[str, int]:
        """Make the sealed files known, within a transaction of the caller's; returns their row ids by sha256.

        FreedMeanwhile if gc freed what a file shares with others: land them again.
        """
        if not self._sealed:
            raise RuntimeError("seal() comes before register()")
        objects: dict[Digest, int] = {}
        for pack in self._packing.packs:
            objects |= registration.add_pack(tx, pack.id, pack.size, pack.records, self.now)
        ids = {sha256: registration.revive_file(tx, sha256) for sha256 in self._known}
        for sha256, landed in self._landed.items():
            ids[sha256] = registration.add_file(tx, landed.manifest, landed.manifest_digest, self.now, objects)
        return ids


def _groups(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    size = 0
    for piece in pieces:
        group.append(piece)
        size += piece.view.data.size
        if size >= _GROUP_BYTES or len(group) >= _GROUP_PIECES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _digest(source: ByteSource, kind: int) -> Digest:
    hasher = object_hasher(kind)
    for data in steps(source):
        hasher.update(data)
    return Digest(hasher.digest())


def _sha256(source: ByteSource) -> str:
    hasher = hashlib.sha256()
    for data in steps(source):
        hasher.update(data)
    return hasher.hexdigest()


def _mismatch(expected: str, actual: str) -> Invalid:
    return Invalid(f"the bytes have sha256 {actual}, not {expected} as announced", hint="send the file again")
