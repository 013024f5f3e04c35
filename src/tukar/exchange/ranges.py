"""A file of a hub that is read here and there, and never whole."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import PAUSES
from tukar.exchange.receiving import Cut, Receiver
from tukar.exchange.replies import malformed

_BLOCK: Final = 1 << 20  # bytes that are asked for at least, and kept
_KEPT: Final = 64  # blocks


class RemoteFileSource:
    """A ``ByteSource``: a file at the other end of HTTP, in blocks of 1 MiB, the last 64 of which are kept.

    Args:
        endpoint: the hub.
        path: of the file's address, below the hub's.
        size: of the file in bytes, as the hub lists it.
        what: it is, for errors.
    """

    def __init__(self, endpoint: Endpoint, path: str, size: int, what: str) -> None:
        self.size = size
        self._receiver, self._path, self._what = Receiver(endpoint), path, what
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``. Unavailable if the hub cannot be reached."""
        first, last = start // _BLOCK, -(-stop // _BLOCK)
        missing = [number for number in range(first, last) if number not in self._blocks]
        if len(missing) > _KEPT // 2:  # more than is worth to be kept
            return self._fetched(start, stop)
        if missing:
            data = self._fetched(missing[0] * _BLOCK, min((missing[-1] + 1) * _BLOCK, self.size))
            for number in range(missing[0], missing[-1] + 1):
                at = (number - missing[0]) * _BLOCK
                self._blocks[number] = data[at : at + _BLOCK]
        found = b"".join(self._block(number) for number in range(first, last))
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return found[start - first * _BLOCK : stop - first * _BLOCK]

    def _block(self, number: int) -> bytes:
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _fetched(self, start: int, stop: int) -> bytes:
        for pause in (*PAUSES, None):
            try:
                return self._once(start, stop)
            except Cut as error:
                self._receiver.close()
                if pause is None:
                    raise
                time.sleep(max(pause, error.pause))
        raise AssertionError("unreachable")

    def _once(self, start: int, stop: int) -> bytes:
        body = self._receiver.open(self._path, start, self._what, stop)
        if body.start != start:
            raise malformed(f"{self._what}: it sends no parts of files")
        data = bytearray(stop - start)
        count = body.readinto(memoryview(data))
        if count != len(data):
            raise malformed(f"{self._what} ends before byte {stop}, but is listed with {self.size}")
        return bytes(data)

    def close(self) -> None:
        """Drop the connection."""
        self._receiver.close()
