"""One file from a hub to disk: resumed where an earlier attempt stopped, verified, durable.

While one thread receives a MiB and writes it, another computes the digest of the one before.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Final

from tukar.cli.output import Advance
from tukar.cli.workers import Stopped
from tukar.errors import Corrupt
from tukar.exchange.http import PAUSES
from tukar.exchange.receiving import Body, Cut, Receiver
from tukar.exchange.tree import RemoteFile

_PIECE: Final = 1 << 20
_BUFFERS: Final = 4
_SYNC_EVERY: Final = 128 << 20


def arriving_name(target: Path) -> Path:
    """Where a file is kept until it is whole."""
    return target.with_name(f"{target.name}.part")


class Download:
    """Fetches files one after another, in one thread. ``stop`` ends it between two pieces, with Stopped.

    Attributes:
        received: the bytes of files that came from the hub, those that had to come again too.
    """

    def __init__(self, receiver: Receiver, advance: Advance, stop: Event) -> None:
        self._receiver, self._advance, self._stop = receiver, advance, stop
        self.received = 0
        self._buffers = [memoryview(bytearray(_PIECE)) for _ in range(_BUFFERS)]

    def fetch(self, address: str, file: RemoteFile, target: Path) -> None:
        """Put the file at ``target``; what arrives is kept next to it, under another name, until it is whole.

        Raises:
            Corrupt: the hub sends other bytes than those that it lists. Nothing is left of them.
            Unavailable: the hub does not answer, again and again. What came is kept, to go on from there.
        """
        arriving = arriving_name(target)
        with _arriving(arriving, file) as partial:
            resumed = self._recall(partial)
            self._receive(address, partial)
            if not partial.is_right() and resumed:
                # What an earlier attempt left may have been torn by a crash: once more, from the start.
                self._restart(partial)
                self._receive(address, partial)
            if not partial.is_right():
                partial.restart()
                raise Corrupt(
                    f"{file.path!r}: the hub sent bytes that are not {file.checksum}",
                    hint="run `tukar check` on the hub",
                )
            partial.sync()
        arriving.replace(target)

    def _recall(self, partial: Partial) -> int:
        for piece in partial.recall(self._buffers[0]):
            self._advance(piece)
            self._check_stop()
        return partial.size

    def _restart(self, partial: Partial) -> None:
        self._advance(-partial.size)
        partial.restart()

    def _receive(self, address: str, partial: Partial) -> None:
        attempt = 0
        while partial.missing():
            before = partial.size
            try:
                self._receive_on(address, partial)
            except Cut as cut:
                self._receiver.close()
                attempt = 0 if partial.size > before else attempt + 1
                if attempt > len(PAUSES):
                    raise
                self._wait(max(PAUSES[max(attempt - 1, 0)], cut.pause))

    def _receive_on(self, address: str, partial: Partial) -> None:
        name, size = repr(partial.file.path), partial.file.size
        body = self._receiver.open(address, partial.size, name)
        if body.size not in (None, size):
            raise Corrupt(f"{name}: the hub lists {size} bytes, and sends {body.size}")
        if body.start != partial.size:
            self._restart(partial)
        if not self._pipe(body, partial):
            raise Cut(Corrupt(f"{name}: the connection ended after {partial.size} of {size} bytes"))

    def _pipe(self, body: Body, partial: Partial) -> bool:
        """Receive until all is here; False if the body ends before."""
        with ThreadPoolExecutor(1) as hashing, ThreadPoolExecutor(1) as syncing:
            under_way: deque[Future[None]] = deque()
            syncs: list[Future[None]] = []
            synced = partial.size
            for buffer in cycle(self._buffers):
                if not partial.missing():
                    break
                self._check_stop()
                if len(under_way) == len(self._buffers):
                    under_way.popleft().result()
                count = body.readinto(buffer[: min(_PIECE, partial.missing())])
                if not count:
                    return False
                under_way.append(hashing.submit(partial.hasher.update, buffer[:count]))
                partial.write(buffer[:count])
                self.received += count
                self._advance(count)
                if partial.size - synced >= _SYNC_EVERY:
                    # So that the disk works while we receive, and not only when the end is awaited.
                    syncs.append(syncing.submit(partial.sync))
                    synced = partial.size
            for sync in syncs:
                sync.result()  # the system tells of a write that failed only once
        return True

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


class Partial:
    """The beginning of a file: on disk, and in its digest."""

    def __init__(self, descriptor: int, file: RemoteFile) -> None:
        self.file, self._descriptor = file, descriptor
        self.size = 0
        self.hasher = file.checksum.hasher(file.size)

    def recall(self, buffer: memoryview) -> Iterator[int]:
        """Take up what is on disk; yields the sizes of the pieces."""
        if os.fstat(self._descriptor).st_size > self.file.size:
            os.ftruncate(self._descriptor, 0)
        while count := os.readv(self._descriptor, [buffer]):
            self.hasher.update(buffer[:count])
            self.size += count
            yield count

    def restart(self) -> None:
        """Forget it all."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size, self.hasher = 0, self.file.checksum.hasher(self.file.size)

    def write(self, piece: memoryview) -> None:
        """Append to what is on disk; the digest is updated by whoever calls."""
        rest = piece
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.size += len(piece)

    def missing(self) -> int:
        """The bytes that are not here yet."""
        return self.file.size - self.size

    def is_right(self) -> bool:
        """Whether all of it is here and is what it should be."""
        return not self.missing() and self.hasher.hexdigest() == self.file.checksum.hex

    def sync(self) -> None:
        """Make what was written durable."""
        os.fsync(self._descriptor)


@contextmanager
def _arriving(path: Path, file: RemoteFile) -> Iterator[Partial]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        yield Partial(descriptor, file)
    except BaseException:
        if not os.fstat(descriptor).st_size:
            path.unlink()
        raise
    finally:
        os.close(descriptor)
