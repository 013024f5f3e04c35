"""A storage in front of a slow one: what was read is kept in a local folder."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from blake3 import blake3

from tukar.storage.base import Stat, Storage, Writer
from tukar.storage.keys import check_key, check_range
from tukar.storage.segments import Segment, SegmentFolder

_WIDTH: Final = 1 << 20
_SIZES: Final = 1 << 16
_STRIPES: Final = 1024


@dataclass(slots=True)
class _Stripe:
    """Changes to the keys that share this stripe: how many have begun so far, and how many are under way."""

    begun: int = 0
    under_way: int = 0


class CacheStorage:
    """``inner``, with the segments of blobs that were read last kept in ``folder``.

    Blobs are cut into segments of a fixed width; a read fetches whole segments, one call to ``inner`` for each run of
    missing ones, and keeps them. Everything but :meth:`read` goes to ``inner``. A change that is made through this
    object is seen by every read that begins after it, and no read mixes old and new bytes. A blob that is deleted by
    others can be read until its segments have made way: harmless, since a key is never reused for other bytes.

    Args:
        inner: where the blobs are.
        folder: for the segments; used by nobody else. What an earlier process kept there is used again.
        max_bytes: how much to keep there.
        width: of a segment, in bytes.
    """

    def __init__(self, inner: Storage, folder: Path, max_bytes: int, *, width: int = _WIDTH) -> None:
        self._inner = inner
        self._segments = SegmentFolder(folder, max_bytes)
        self._width = width
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._stripes = tuple(_Stripe() for _ in range(_STRIPES))
        self._lock = threading.Lock()  # of the stripes, the sizes, and of adding and dropping segments

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        """Write the blob ``key``; see :class:`~tukar.storage.base.Storage`."""
        with ExitStack() as change, self._inner.create(key) as blob:
            yield blob
            change.enter_context(self._changing(key))  # from before the blob is visible until after

    def read(self, key: str, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop``; NotFound, or Corrupt if there are fewer."""
        check_key(key)
        check_range(start, stop)
        stripe = self._stripe(key)
        with self._lock:
            begun, settled = stripe.begun, not stripe.under_way
        if settled and start < stop <= self._size(key, begun):
            data = self._assemble(key, start, stop, begun)
            with self._lock:
                settled = stripe.begun == begun
            if settled:
                return data
        return self._inner.read(key, start, stop)  # in one call, so of one piece; or its error, where it is one

    def stat(self, key: str) -> Stat:
        """A blob's size; NotFound if there is none."""
        return self._inner.stat(key)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """All visible blobs whose key begins with ``prefix``, in no particular order."""
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        """Remove a blob; no error if there is none."""
        with self._changing(check_key(key)):
            self._inner.delete(key)

    @contextmanager
    def _changing(self, key: str) -> Iterator[None]:
        """Nothing of ``key`` is in the cache, nor comes into it, during the block."""
        stripe = self._stripe(key)
        with self._lock:
            stripe.begun += 1
            stripe.under_way += 1
            self._sizes.pop(key, None)
            self._segments.drop(_blob(key))
        try:
            yield
        finally:
            with self._lock:
                stripe.under_way -= 1

    def _stripe(self, key: str) -> _Stripe:
        return self._stripes[hash(key) % _STRIPES]

    def _assemble(self, key: str, start: int, stop: int, begun: int) -> bytes:
        first, last = start // self._width, (stop - 1) // self._width
        blob = _blob(key)
        segments = {number: self._segments.get(Segment(blob, self._width, number)) for number in range(first, last + 1)}
        missing = [number for number, data in segments.items() if data is None]
        for _, run in groupby(enumerate(missing), lambda pair: pair[1] - pair[0]):
            numbers = [number for _, number in run]
            segments.update(self._fetch(key, numbers[0], numbers[-1] + 1, begun))
        whole = b"".join(segments[number] or b"" for number in range(first, last + 1))
        return whole[start - first * self._width : stop - first * self._width]

    def _fetch(self, key: str, first: int, after: int, begun: int) -> dict[int, bytes]:
        """The segments ``first`` to ``after``, exclusive; kept unless the key has changed meanwhile."""
        width = self._width
        data = self._inner.read(key, first * width, min(after * width, self._size(key, begun)))
        segments = {first + n: data[n * width : (n + 1) * width] for n in range(after - first)}
        for number, segment in segments.items():
            with self._lock:
                if self._stripe(key).begun == begun:
                    self._segments.put(Segment(_blob(key), width, number), segment)
        return segments

    def _size(self, key: str, begun: int) -> int:
        with self._lock:
            if key in self._sizes:
                return self._sizes[key]
        size = self._inner.stat(key).size
        with self._lock:
            if self._stripe(key).begun == begun:
                self._sizes[key] = size
                if len(self._sizes) > _SIZES:
                    self._sizes.popitem(last=False)
        return size


def _blob(key: str) -> str:
    return blake3(key.encode()).hexdigest()
