"""Files here as the objects that they are made of: the source of a push."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from blake3 import blake3

from tukar import formats
from tukar.cli.sources import LocalFile, OpenFile
from tukar.codecs.base import TensorView
from tukar.codecs.raw import Raw
from tukar.exchange.remote import Announced, Bases, Pieces
from tukar.formats import Piece
from tukar.objects import cutting, manifests, stream
from tukar.objects.encoding import BLOCK_SIZE, codec_for, encoded, plain_entry, plain_record
from tukar.objects.packs import CONTENT, MANIFEST, Record, object_hasher
from tukar.objects.sources import BytesSource, SliceSource, steps
from tukar.objects.stream import Start
from tukar.types import ByteSource, Digest, Manifest, Part

_LARGE: Final = 8 << 20  # from here on, two digests are computed at a time


@dataclass(frozen=True, slots=True)
class Cut:
    """A file, and what it is made of.

    Attributes:
        encoded: the manifest as it is stored.
        digest: of the manifest.
        tables: of the parts that are stored as they are and have several blocks, the entries of these. So nobody waits
            for them later: what is sent begins with its table.
        written_at: when the file was last written to, in nanoseconds.
    """

    file: LocalFile
    manifest: Manifest
    encoded: bytes
    digest: Digest
    tables: Mapping[Digest, bytes]
    written_at: int

    @property
    def announced(self) -> Announced:
        """As a hub is told of it."""
        return Announced(self.manifest.sha256, self.manifest.size, self.digest)


def cut(file: LocalFile, on_piece: Callable[[int], None]) -> Cut:
    """Go through a file. ``on_piece`` is called with the number of bytes read since the last call."""
    with OpenFile(file) as source, _Sha256(aside=file.size >= _LARGE) as sha256:
        layout = formats.open_file(source)
        parts, tables = [], {}
        for piece in cutting.pieces(layout, source.size):
            part, table = _part(SliceSource(source, piece.start, piece.stop), sha256, on_piece)
            parts.append(part)
            if table:
                tables[part.digest] = table
        manifest = Manifest(sha256.hexdigest(), source.size, layout.format, tuple(parts))
        source.check(source.written_at)
        data = manifests.encode(manifest)
        digest = Digest(object_hasher(MANIFEST).update(data).digest())
        return Cut(file, manifest, data, digest, tables, source.written_at)


def _part(window: ByteSource, sha256: _Sha256, on_piece: Callable[[int], None]) -> tuple[Part, bytes]:
    """A part, and its table if that is worth keeping."""
    is_plain = window.size > BLOCK_SIZE and codec_for(TensorView(window), BLOCK_SIZE).id == Raw.id
    hasher, table = blake3(), bytearray()
    for data in steps(window, BLOCK_SIZE):
        sha256.update(data)
        hasher.update(data)
        if is_plain:
            table += plain_entry(data)
        on_piece(len(data))
    return Part(Digest(hasher.digest()), window.size), bytes(table)


class _Sha256:
    """SHA-256, in a thread of its own if ``aside``."""

    def __init__(self, *, aside: bool) -> None:
        self._hasher = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1) if aside else None
        self._last: Future[None] | None = None

    def __enter__(self) -> _Sha256:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def update(self, data: bytes) -> None:
        if self._pool is None:
            self._hasher.update(data)
            return
        if self._last is not None:
            self._last.result()  # so that it does not fall behind
        self._last = self._pool.submit(self._hasher.update, data)

    def hexdigest(self) -> str:
        if self._last is not None:
            self._last.result()
        return self._hasher.hexdigest()


class FolderSource:
    """Files here, as the source of a transfer. What they are made of is encoded when it is asked for.

    Attributes:
        sent: the objects that were asked for.
    """

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self._manifests = {each.digest: each.encoded for each in cuts}
        self._places: dict[Digest, tuple[Cut, int]] = {}
        for each in cuts:
            for index, part in enumerate(each.manifest.parts):
                self._places.setdefault(part.digest, (each, index))
        self.sent: set[Digest] = set()

    @property
    def objects(self) -> dict[Digest, int]:
        """All of them, with their raw sizes; manifests have none."""
        content = {digest: cut.manifest.parts[index].length for digest, (cut, index) in self._places.items()}
        return content | dict.fromkeys(self._manifests, 0)

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        """As ``remote.Source``: what is in a folder is no difference."""
        return {}

    @contextmanager
    def read(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> Iterator[Pieces]:
        """As ``remote.Source``; Conflict where a file is not as it was when it was cut."""
        with _Opened() as opened:
            yield stream.gathered(self._frames(opened, wanted, start))

    def _frames(self, opened: _Opened, wanted: Sequence[Digest], start: Start | None) -> Iterator[bytes]:
        for digest in wanted:
            self.sent.add(digest)
            record, blocks = self._encoded(opened, digest)
            at = stream.skipped(record, start)
            start = None
            yield stream.header(record, at)
            yield from _after(blocks, at)

    def _encoded(self, opened: _Opened, digest: Digest) -> tuple[Record, Iterator[bytes]]:
        if digest in self._manifests:
            return encoded(digest, MANIFEST, TensorView(BytesSource(self._manifests[digest])))
        cut, index = self._places[digest]
        view = opened.view(cut, index)
        if digest in cut.tables:
            return plain_record(digest, view.data.size, cut.tables[digest]), steps(view.data, BLOCK_SIZE)
        return encoded(digest, CONTENT, view)


class _Opened:
    """The file that was asked for last."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._cut: Cut | None = None
        self._source: Any = None
        self._pieces: list[Piece] = []

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def view(self, wanted: Cut, index: int) -> TensorView:
        if self._cut is not wanted:
            self._stack.close()
            self._source = self._stack.enter_context(OpenFile(wanted.file))
            self._pieces = list(cutting.pieces(formats.open_file(self._source), self._source.size))
            self._cut = wanted
        self._source.check(wanted.written_at)
        piece = self._pieces[index]
        window = SliceSource(self._source, piece.start, piece.stop)
        return TensorView(window, piece.tensor.dtype, piece.tensor.shape) if piece.tensor else TensorView(window)


def _after(blocks: Iterator[bytes], start: int) -> Iterator[bytes]:
    for block in blocks:
        if start < len(block):
            yield block[start:]
        start = max(start - len(block), 0)
