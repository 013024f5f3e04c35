"""How a tensor that is stored is encoded anew: by itself, or as a difference to a relative, whichever is shorter."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from tukar.codecs.base import Codec, Source, TensorView
from tukar.codecs.context import Coded, Delta
from tukar.codecs.context.elements import BY_CODE
from tukar.database import Database
from tukar.errors import Corrupt, Invalid
from tukar.objects import index
from tukar.objects.cache import BlockCache
from tukar.objects.encoding import BLOCK_SIZE, Base, Encoding
from tukar.objects.freed import FreedMeanwhile
from tukar.objects.index import Location, location_of
from tukar.objects.packs import CONTENT, Record
from tukar.objects.reading import Blocks, ObjectSource
from tukar.objects.relatives import DEPTH, Relatives
from tukar.objects.sketches import Relative, Sketch, sketch
from tukar.objects.sources import HeldSource, SliceSource
from tukar.objects.tables import objects
from tukar.storage.base import Storage
from tukar.types import Digest, TensorInfo

_WORTH: Final = 0.98  # of the bytes as they are: below, encoding anew pays
_RELATIVES: Final = 2  # that are tried
_ALIKE: Final = 0.5  # bits of an element: of relatives that are so near to each other, a sketch can't tell the better
_CLEAR: Final = 0.3  # of an element's bits: a difference that takes no more is shorter than the tensor by itself
_TRIED: Final = 3  # blocks of a tensor that is too large to be encoded in all ways
_CACHE: Final = 16 << 20  # bytes of blocks: what is not held is gone through several times
_ROOM: Final = 160 << 20  # bytes that are held, by all threads together
_HELD: Final = 32 << 20  # bytes of a tensor that is held;
_TIMES: Final = 5  # with it as many as it has for each of two relatives, and for what it becomes


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as it is stored now."""

    id: int
    location: Location
    info: TensorInfo


@dataclass(frozen=True, slots=True)
class Way:
    """A codec, and what it is given besides the tensor."""

    codec: Codec
    bases: tuple[Base, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to become of a tensor.

    Attributes:
        sketch: None if none can be made, or the tensor cannot be read.
        blocks: its record, with offset 0, and its blocks, if it is encoded already.
        view: the tensor, if it is too large to be encoded before there is somewhere to put it.
        way: how that is to be encoded.
    """

    tensor: Tensor
    sketch: Sketch | None = None
    blocks: tuple[Record, list[bytes]] | None = None
    view: TensorView | None = None
    way: Way | None = None


class Preparing:
    """Finds how tensors are best encoded. Safe to use from several threads."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._relatives = Relatives(database)
        self._blocks = Blocks(storage, BlockCache(_CACHE))
        self._room = _Room(_ROOM)
        self._depths: dict[int, int] = {}

    def prepare(self, tensor: Tensor) -> Prepared:
        """Look at a tensor, and encode it unless it is large. One that is damaged, or gone, stays as it is."""
        made = None
        is_held = tensor.location.record.size <= _HELD
        try:
            with self._room.taken(_TIMES * tensor.location.record.size if is_held else _CACHE):
                stored = tensor.location.record
                _, data = self._source(tensor.id, stored.size, stored.digest, hold=is_held)
                view = TensorView(data, tensor.info.dtype, tensor.info.shape)
                made = sketch(view)
                if made is None:
                    return Prepared(tensor)
                ways = self._ways(tensor, made, hold=is_held)
                if is_held:
                    return Prepared(tensor, made, blocks=_shortest(tensor, view, ways))
                return Prepared(tensor, made, view=view, way=_promising(tensor, view, ways))
        except (FreedMeanwhile, Corrupt, Invalid):
            return Prepared(tensor, made)

    def note(self, tensor: Tensor, made: Sketch, depth: int) -> None:
        """A tensor can be found as a relative from now on; it is going to be stored at this depth."""
        self._depths[tensor.id] = depth
        self._relatives.add(tensor.id, made)

    def _ways(self, tensor: Tensor, made: Sketch, *, hold: bool) -> list[Way]:
        near = self._relatives.nearest(tensor.id, made, _RELATIVES)
        near = [each for each in near if each.bits <= near[0].bits + _ALIKE]
        ways = [way for each in near if (way := self._difference(each, made.size, hold=hold)) is not None]
        if not ways or near[0].bits > _CLEAR * BY_CODE[made.kind].width:
            ways.append(Way(Coded()))
        return ways

    def _difference(self, relative: Relative, size: int, *, hold: bool) -> Way | None:
        try:
            record, data = self._source(relative.owner, size, hold=hold)
        except FreedMeanwhile:
            return None
        depth = max(record.depth, self._depths.get(relative.owner, 0))
        return Way(Delta(), (Base(record.digest, depth, data),)) if depth < DEPTH else None

    def _source(self, object_id: int, size: int, digest: Digest | None = None, *, hold: bool) -> tuple[Record, Source]:
        """A stored object, to be read wherever it is; FreedMeanwhile if it is not here any more.

        If its digest is not known, it is the one that the row has when it is looked at first.
        """

        def locate() -> Location:
            nonlocal digest
            with self._database.read() as tx:
                row = tx.execute(sa.select(objects).where(objects.c.id == object_id)).one_or_none()
                if row is None or row.size != size or digest not in (None, row.digest):
                    raise FreedMeanwhile
                digest = Digest(row.digest)
                return index.with_bases(tx, [location_of(row)])[0]

        source = ObjectSource(self._blocks, locate)
        return source.location.record, HeldSource(source.read(0, source.size)) if hold else source


def _shortest(tensor: Tensor, view: TensorView, ways: list[Way]) -> tuple[Record, list[bytes]] | None:
    """The tensor as it is encoded in the way that takes least; None if that is not worth it."""
    stored = tensor.location.record
    best, limit = None, _WORTH * stored.stored_size
    for way in ways:
        encoding = Encoding(stored.digest, CONTENT, way.codec, view, BLOCK_SIZE, way.bases)
        blocks = list(encoding.blocks())
        record = encoding.record(0)
        if record.stored_size < limit:
            best, limit = (record, blocks), record.stored_size
    return best


def _promising(tensor: Tensor, view: TensorView, ways: list[Way]) -> Way | None:
    """The way that takes least of some blocks of a tensor; None if it is not worth it."""
    stored = tensor.location.record
    best, limit = None, _WORTH * stored.stored_size / stored.size
    for way in ways:
        share = _tried(way, view)
        if share < limit:
            best, limit = way, share
    return best


def _tried(way: Way, view: TensorView) -> float:
    """About the share of its bytes that a tensor takes so."""
    count = -(-view.data.size // BLOCK_SIZE)
    starts = sorted({place * BLOCK_SIZE for place in (0, count // 2, max(count - 2, 0))})[:_TRIED]
    total = 0
    for start in starts:
        stop = min(start + BLOCK_SIZE, view.data.size)
        window = TensorView(SliceSource(view.data, start, stop), view.dtype, view.shape)
        beside = [SliceSource(base.data, start, stop) for base in way.bases]
        _, blocks = way.codec.encode(window, beside, BLOCK_SIZE)
        total += sum(len(block) for block in blocks)
    return total / (len(starts) * BLOCK_SIZE)


@dataclass(slots=True)
class _Room:
    """Bytes of memory that threads take and give back; who wants more than is left waits."""

    left: int
    _change: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        with self._change:
            self._change.wait_for(lambda: self.left >= size)
            self.left -= size
        try:
            yield
        finally:
            with self._change:
                self.left += size
                self._change.notify_all()
