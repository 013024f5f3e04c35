"""Threads that work ahead of who takes their results, in order."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_NICE: Final = 10  # or more, where the process has more

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Threads for work that can wait: where others want the processor, they have it first.

    Args:
        count: of threads. With one, everything is done by whoever takes the results, and nothing ahead.
    """

    def __init__(self, count: int = CORES) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, "work", _give_way) if count > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def ahead(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
        """What ``work`` gives for each of the items, in their order; as many are begun ahead as there are threads.

        To be closed: what was not begun then is never done. Whatever ``work`` raises.
        """
        if self._pool is None:
            yield from map(work, items)
            return
        ahead: deque[Future[Result]] = deque()
        try:
            for item in items:
                ahead.append(self._pool.submit(work, item))
                if len(ahead) > self._count:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere threads have no priority of their own
        thread = threading.get_native_id()
        with suppress(OSError):  # where it may not be set, the work is done all the same
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))
