"""A storage whose calls are repeated while it is unavailable for a moment."""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar

from tukar.errors import Unavailable
from tukar.storage.base import Stat, Storage, Writer
from tukar.storage.keys import check_key
from tukar.storage.oserrors import os_errors_unavailable

_T = TypeVar("_T")
_SPOOL_MEMORY: Final = 1 << 20
_COPY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often to try, and how long to wait in between: exponential, with full jitter.

    Before try ``n`` (2, 3, ...) it waits a random time between nothing and ``min(longest, first * 2 ** (n - 2))``, so
    that many who failed together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015).

    Attributes:
        tries: how often a call is made at most.
        first: the upper bound of the first wait, in seconds.
        longest: the upper bound of every wait, in seconds.
        deadline: seconds after which no further try is begun.
        sleep, clock, jitter: ``time.sleep``, ``time.monotonic`` and a random number from [0, 1), for tests to replace.
    """

    tries: int = 5
    first: float = 0.2
    longest: float = 10.0
    deadline: float = 60.0
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def call(self, action: Callable[[], _T]) -> _T:
        """What ``action`` returns; its error as it is, unless that is Unavailable and another try may follow."""
        begin = self.clock()
        bound = self.first
        for _ in range(self.tries - 1):
            try:
                return action()
            except Unavailable:
                wait = self.jitter() * min(self.longest, bound)
                if self.clock() - begin + wait > self.deadline:
                    raise
            self.sleep(wait)
            bound *= 2
        return action()


class RetryStorage:
    """``inner``, with every call repeated as ``backoff`` says while it raises Unavailable.

    A blob that is being created goes to a temporary file first and to ``inner`` once it is complete, so that it can be
    sent again; ``inner`` never sees a blob whose writer gives up. Every call may be repeated without harm: creating the
    same blob again replaces it by the same bytes, and deleting what is gone is no error. A listing is repeated only
    until its first blob has been passed on: it has no order in which it could be resumed.

    Args:
        inner: where the blobs are.
        backoff: how often and how long to try.
        spool: the folder for temporary files of more than 1 MiB; the system's if None.
    """

    def __init__(self, inner: Storage, *, backoff: Backoff | None = None, spool: Path | None = None) -> None:
        self._inner = inner
        self._backoff = backoff or Backoff()
        self._spool = None if spool is None else str(spool)

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        """Write the blob ``key``; see :class:`~tukar.storage.base.Storage`."""
        check_key(key)
        with tempfile.SpooledTemporaryFile(_SPOOL_MEMORY, dir=self._spool) as spool:
            yield _SpoolWriter(spool, key)
            self._backoff.call(lambda: self._send(spool, key))

    def read(self, key: str, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop``; NotFound, or Corrupt if there are fewer."""
        return self._backoff.call(lambda: self._inner.read(key, start, stop))

    def stat(self, key: str) -> Stat:
        """A blob's size; NotFound if there is none."""
        return self._backoff.call(lambda: self._inner.stat(key))

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """All visible blobs whose key begins with ``prefix``; Unavailable if it breaks off midway."""
        return self._backoff.call(lambda: _begun(self._inner.list(prefix)))

    def delete(self, key: str) -> None:
        """Remove a blob; no error if there is none."""
        self._backoff.call(lambda: self._inner.delete(key))

    def _send(self, spool: IO[bytes], key: str) -> None:
        with os_errors_unavailable(f"write {key} to a temporary file"):
            spool.seek(0)  # writes what was still buffered
        with self._inner.create(key) as blob:
            while data := spool.read(_COPY):
                blob.write(data)


class _SpoolWriter:
    def __init__(self, spool: IO[bytes], key: str) -> None:
        self._spool, self._key = spool, key

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        with os_errors_unavailable(f"write {self._key} to a temporary file"):
            self._spool.write(data)


def _begun(blobs: Iterator[Stat]) -> Iterator[Stat]:
    """``blobs``, the first of which has been asked for already."""
    first = next(blobs, None)
    return blobs if first is None else itertools.chain((first,), blobs)
