"""A few threads for transfers: the first failure, or Ctrl-C, ends them all."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, TypeVar

_T = TypeVar("_T")
_PATIENCE: Final = 2.0  # seconds

Worker = Callable[[threading.Event], AbstractContextManager[Callable[[_T], None]]]
"""Called in each thread, with an event that says when to stop; what it gives is called with items there."""


class Stopped(Exception):
    """The others have failed, or nobody waits any more."""


def each(items: Iterable[_T], threads: int, worker: Worker[_T]) -> None:
    """Do the work for each item; raises the first error.

    The threads are daemons: one that hangs in the network does not keep the process from ending. So whatever they do
    must be safe to cut at any point.
    """
    waiting: queue.SimpleQueue[_T] = queue.SimpleQueue()
    count = 0
    for item in items:
        waiting.put(item)
        count += 1
    ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        try:
            with worker(stop) as work:
                while not stop.is_set():
                    work(waiting.get_nowait())
        except queue.Empty:
            ends.put(None)
        except BaseException as error:
            ends.put(error)
        else:
            ends.put(Stopped())

    started = [threading.Thread(target=run, daemon=True) for _ in range(min(threads, count))]
    with _stopping(started, stop):
        for thread in started:
            thread.start()
        for _ in started:
            error = ends.get()
            if error is not None:
                raise error


@contextmanager
def _stopping(threads: list[threading.Thread], stop: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        stop.set()
        deadline = time.monotonic() + _PATIENCE
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
