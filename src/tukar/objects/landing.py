"""Landing: bytes that arrived become stored files.

Each file is cut into parts; parts that are stored already are not stored again; the rest is encoded into packs. Before
anything is registered the packs are durable and every file has been rebuilt from them and its sha256 compared.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import accumulate
from types import TracebackType
from typing import Final, Self

from blake3 import blake3

from tukar import formats
from tukar.codecs.base import TensorView
from tukar.codecs.choose import choose
from tukar.database import Database, Transaction
from tukar.errors import Corrupt, Invalid, NotFound
from tukar.objects import index, manifests
from tukar.objects.index import Location, StoredPart
from tukar.objects.packs import CONTENT, MANIFEST, PackWriter, key
from tukar.objects.reading import BlockCache, read_parts
from tukar.objects.sources import BytesSource, SliceSource, steps
from tukar.storage.base import Storage
from tukar.types import ByteSource, Digest, Layout, Manifest, Part

BLOCK_SIZE: Final = 1 << 20
PACK_SIZE: Final = 128 << 20
_FOOTER_SIZE: Final = 32 << 20  # a footer is read whole
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


@dataclass(slots=True)
class Landing:
    """One batch of files: ``add`` each, ``seal``, and then ``register`` them in a transaction.

    Used as a context; what was not registered when it is left is removed again.
    """

    database: Database
    storage: Storage
    now: float
    block_size: int = BLOCK_SIZE
    pack_size: int = PACK_SIZE
    on_progress: Progress = lambda _: None
    _landed: dict[str, _Landed] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _packs: list[PackWriter] = field(default_factory=list)
    _fresh: dict[Digest, Location] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)
    _sealed: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unfinished = error or Invalid("this landing was left before it was sealed")
        self._open.__exit__(type(unfinished), unfinished, trace)
        self._remove_unregistered()

    def add(self, source: ByteSource, sha256: str | None = None) -> str:
        """Cut, compare and store one file; returns its sha256.

        With ``sha256`` given, the bytes must have it: a mismatch is found here or in ``seal``, and is Invalid.
        """
        if sha256 is None or sha256 in self._landed or self._is_known(sha256):
            actual = _sha256(source)
            if sha256 not in (None, actual):
                raise _mismatch(str(sha256), actual)
            sha256 = actual
        if sha256 in self._landed:
            self.on_progress(source.size)
        elif self._is_known(sha256):
            self._known.add(sha256)
            self.on_progress(source.size)
        else:
            self._landed[sha256] = self._land(source, sha256)
        return sha256

    def _is_known(self, sha256: str) -> bool:
        with self.database.read() as tx:
            return index.find_file(tx, sha256) is not None

    def _land(self, source: ByteSource, sha256: str) -> _Landed:
        layout = formats.open_file(source)
        parts: list[Part] = []
        for group in _groups(self._pieces(source, layout)):
            self._store(group)
            parts += [Part(piece.digest, piece.view.data.size) for piece in group]
        manifest = Manifest(sha256, source.size, layout.format, tuple(parts))
        encoded = manifests.encode(manifest)
        digest = Digest.of(encoded)
        self._store([_Piece(digest, TensorView(BytesSource(encoded)))], MANIFEST)
        return _Landed(manifest, digest, source)

    def _pieces(self, source: ByteSource, layout: Layout) -> Iterator[_Piece]:
        for cut in formats.cut(layout, source.size):
            window: ByteSource = SliceSource(source, cut.start, cut.stop)
            if window.size <= self.block_size:  # read once; a longer run is read again when it is encoded
                window = BytesSource(window.read(0, window.size))
            dtype, shape = (cut.tensor.dtype, cut.tensor.shape) if cut.tensor else (None, ())
            yield _Piece(_digest(window), TensorView(window, dtype, shape))
            self.on_progress(window.size)

    def _store(self, pieces: Sequence[_Piece], kind: int = CONTENT) -> None:
        wanted = {piece.digest: piece for piece in pieces if piece.digest not in self._fresh}
        with self.database.read() as tx:
            stored = index.locate_ids(tx, wanted)
        for digest, piece in wanted.items():
            if digest not in stored:
                codec = choose(piece.view, self.block_size)
                pack = self._pack()
                record = pack.add(digest, kind, codec, piece.view, self.block_size)
                self._fresh[digest] = Location(pack.id, record)

    def _pack(self) -> PackWriter:
        if self._packs and self._packs[-1].size < self.pack_size and self._packs[-1].footer_size < _FOOTER_SIZE:
            return self._packs[-1]
        self._open.close()
        pack_id = secrets.token_hex(16)
        with self.database.write() as tx:
            index.begin_pack(tx, pack_id, self.now)
        pack = PackWriter(self.storage, pack_id)
        self._packs.append(pack)
        return self._open.enter_context(pack)

    def seal(self) -> None:
        """Make the packs durable, then rebuild every file from the store and compare its sha256.

        Invalid where the bytes that arrived are not those that were announced; Corrupt where the store is at fault.
        """
        self._open.close()
        self._sealed = True
        for landed in self._landed.values():
            self._verify(landed)

    def _verify(self, landed: _Landed) -> None:
        expected = landed.manifest.sha256
        hasher = hashlib.sha256()
        for group in index.batches(landed.manifest.parts):
            for data in self._rebuilt(group):
                hasher.update(data)
        if hasher.hexdigest() == expected:
            return
        actual = _sha256(landed.source)
        if actual != expected:
            raise _mismatch(expected, actual)
        raise Corrupt(f"the file {actual} was not rebuilt as it arrived; nothing of it was kept", hint="try again")

    def _rebuilt(self, parts: Sequence[Part]) -> Iterator[bytes | memoryview]:
        locations = self._locations(parts)
        starts = list(accumulate((part.length for part in parts), initial=0))
        stored = [StoredPart(start, p.length, locations[p.digest]) for start, p in zip(starts, parts, strict=False)]
        try:
            yield from read_parts(self.database, self.storage, BlockCache(0), stored, 0, starts[-1])
        except NotFound:
            raise index.FreedMeanwhile from None

    def _locations(self, parts: Sequence[Part]) -> dict[Digest, Location]:
        wanted = {part.digest for part in parts}
        found = {digest: self._fresh[digest] for digest in wanted & self._fresh.keys()}
        with self.database.read() as tx:
            found.update(index.locate(tx, wanted - found.keys()))
        if len(found) != len(wanted):
            raise index.FreedMeanwhile
        return found

    def register(self, tx: Transaction) -> dict[str, int]:
        """Make the sealed files known, within a transaction of the caller's; returns their row ids by sha256.

        FreedMeanwhile if gc freed what a file shares with others: land them again.
        """
        if not self._sealed:
            raise RuntimeError("seal() comes before register()")
        for pack in self._packs:
            index.add_pack(tx, pack.id, pack.size, pack.records, self.now)
        ids = {sha256: index.revive_file(tx, sha256) for sha256 in self._known}
        for sha256, landed in self._landed.items():
            ids[sha256] = index.add_file(tx, landed.manifest, landed.manifest_digest, self.now)
        return ids

    def _remove_unregistered(self) -> None:
        if not self._packs:
            return
        with self.database.write() as tx:
            removed = index.forget_landing(tx, [pack.id for pack in self._packs])
        for pack_id in removed:
            self.storage.delete(key(pack_id))


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


def _digest(source: ByteSource) -> Digest:
    hasher = blake3()
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
