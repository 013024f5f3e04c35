"""Reading ahead: on all cores for whoever takes it fast, and little for all who are slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from types import TracebackType
from typing import Generic, Self, TypeVar

from tukar.objects.workers import CORES

_more = BoundedSemaphore(max(CORES, 32))  # runs ahead, of all readers, beyond one of each: what slow ones hold

Run = TypeVar("Run")
Result = TypeVar("Result")


class ReadAhead(Generic[Run, Result]):
    """Runs of bytes that are read by threads, in order, ahead of who takes them.

    Each reader has threads of its own, for they wait for the storage too: who reads slowly holds up nobody else. It has
    one run ahead, and as many more as there are cores while all readers together do not hold too many.

    Args:
        read: reads one run.
    """

    def __init__(self, read: Callable[[Run], Result]) -> None:
        self._read = read
        self._pool: ThreadPoolExecutor | None = None
        self._begun: deque[Future[Result]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        while self._begun:
            self._pop()

    def __len__(self) -> int:
        return len(self._begun)

    def begin(self, run: Run) -> bool:
        """Begin to read a run; not if one has to be taken before."""
        if self._begun and (len(self._begun) > CORES or not _more.acquire(blocking=False)):
            return False
        self._pool = self._pool or ThreadPoolExecutor(CORES, "decode")
        self._begun.append(self._pool.submit(self._read, run))
        return True

    def take(self) -> Result:
        """The oldest run; whatever reading it raised."""
        return self._pop().result()

    def _pop(self) -> Future[Result]:
        oldest = self._begun.popleft()
        if self._begun:
            _more.release()
        return oldest
