"""A TCP proxy before a hub that lets nobody in for a while, or cuts what passes after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

_PIECE = 8 << 10


class Gate:
    """Listens at ``url`` while it is entered, whether the hub at ``port`` is there or not."""

    def __init__(self, port: int) -> None:
        self._hub = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._left: int | None = None
        self._is_closed = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_all()

    def cut_after(self, nbytes: int) -> None:
        """All connections end when so many bytes more have passed, in both directions together."""
        with self._lock:
            self._left = nbytes

    @property
    def has_cut(self) -> bool:
        """Whether a cut that was asked for has happened."""
        return self._left is None

    def close(self) -> None:
        """Nobody gets through."""
        self._is_closed = True
        self._cut_all()

    def open(self) -> None:
        """Everything passes again."""
        self._is_closed = False
        with self._lock:
            self._left = None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            if self._is_closed:
                raise OSError("closed")
            hub = socket.create_connection(self._hub)
        except OSError:
            client.close()
            return
        with self._lock:
            self._ends |= {client, hub}
        for source, target in ((client, hub), (hub, client)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                passed = self._pass(len(piece))
                target.sendall(piece[:passed])
                if passed < len(piece):
                    self._cut_all()
        for end in (source, target):
            self._end(end)

    def _pass(self, size: int) -> int:
        """How many of the bytes may go on."""
        with self._lock:
            if self._left is None:
                return size
            passed = min(size, self._left)
            self._left = None if passed < size else self._left - passed
            return passed

    def _cut_all(self) -> None:
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            self._end(end)

    def _end(self, end: socket.socket) -> None:
        with self._lock:
            self._ends.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
