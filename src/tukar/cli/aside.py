"""What goes on in other threads while more of a file comes."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final

from tukar.exchange.checksums import Hasher

_BEHIND: Final = 8  # pieces that wait for their digest
_AHEAD: Final = 4  # pieces that are received while those before are dealt with


class Aside:
    """Threads for what goes on while more comes: one for digests, in order, and one for the disk."""

    def __init__(self) -> None:
        self._hashing, self._syncing = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._pending: deque[Future[None]] = deque()
        self._syncs: list[Future[None]] = []

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in (self._hashing, self._syncing):
            pool.shutdown(cancel_futures=True)

    def hash(self, hasher: Hasher, data: bytes | memoryview) -> None:
        """Take the bytes, which nobody changes, into a digest."""
        if len(self._pending) == _BEHIND:
            self._pending.popleft().result()
        self._pending.append(self._hashing.submit(hasher.update, data))

    def sync(self, descriptor: int) -> None:
        """Write what is in a file to the disk, so that it works already, and not only when the end is awaited."""
        self._syncs.append(self._syncing.submit(os.fsync, descriptor))

    def settle(self) -> None:
        """Wait for all of it; raises what went wrong: the system tells of a write that failed only once."""
        while self._pending:
            self._pending.popleft().result()
        while self._syncs:
            self._syncs.pop().result()


@contextmanager
def ahead(pieces: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """The same pieces, some of which are drawn in another thread while those before are dealt with."""
    drawn: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def put(item: bytes | BaseException | None) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                drawn.put(item, timeout=0.5)
                return

    def draw() -> None:
        try:
            for piece in pieces:
                put(piece)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    def given() -> Iterator[bytes]:
        while (item := drawn.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    threading.Thread(target=draw, daemon=True).start()  # a daemon: one that hangs in the network bars nobody's end
    try:
        yield given()
    finally:
        stop.set()
