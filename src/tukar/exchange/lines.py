"""Connections to hubs that are not trusted: nothing on them waits for longer than one's patience, whatever comes.

A timeout of a socket begins anew with each byte. So whatever waits does so a little at a time, and adds that up.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from errno import EINPROGRESS
from http.client import HTTPS_PORT, HTTPConnection
from selectors import EVENT_WRITE, DefaultSelector
from typing import Any, Final, TypeVar

from tukar.exchange.http import trusted_authorities
from tukar.exchange.patience import LOOK, Patience

_ADDRESSES: Final = 8  # of one host that are tried: its owner may list thousands
_CONNECTING: Final = 10.0  # seconds for each

_T = TypeVar("_T")


def line_to(scheme: str, host: str, port: int | None, patience: Patience) -> HTTPConnection:
    """A connection, not yet made. Everything on it raises TimeoutError, and what the checkpoint raises."""
    return (_SecureLine if scheme == "https" else _Line)(host, port, patience)


class _Line(HTTPConnection):
    def __init__(self, host: str, port: int | None, patience: Patience) -> None:
        super().__init__(host, port)
        self._patience = patience

    def connect(self) -> None:
        """Reach the host."""
        found: Any = _Patient(self._secured(_connected(self.host, self.port, self._patience)), self._patience)
        self.sock = found

    def _secured(self, line: socket.socket) -> socket.socket:
        return line


class _SecureLine(_Line):
    default_port = HTTPS_PORT

    def _secured(self, line: socket.socket) -> socket.socket:
        with ExitStack() as failing:
            failing.callback(line.close)
            line.settimeout(LOOK)
            secured = trusted_authorities().wrap_socket(line, server_hostname=self.host, do_handshake_on_connect=False)
            failing.callback(secured.close)
            _waited(self._patience, secured.do_handshake)
            failing.pop_all()
            return secured


class _Patient:
    """As much of a socket as http.client uses."""

    def __init__(self, line: socket.socket, patience: Patience) -> None:
        line.settimeout(LOOK)
        self._line, self._patience = line, patience

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            sent = _waited(self._patience, self._line.send, rest)
            self._patience.earn(sent)
            rest = rest[sent:]

    def recv_into(self, buffer: memoryview) -> int:
        return _waited(self._patience, self._line.recv_into, buffer)

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self._line))

    def shutdown(self, how: int) -> None:
        self._line.shutdown(how)

    def close(self) -> None:
        self._line.close()


class _Reader(io.RawIOBase):
    """What comes on a line, which stays open for as long as this does, as with ``socket.makefile``."""

    def __init__(self, line: _Patient, behind: socket.socket) -> None:
        self._line, self._open = line, behind.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._line.recv_into(buffer)

    def close(self) -> None:
        self._open.close()
        super().close()


def _connected(host: str, port: int, patience: Patience) -> socket.socket:
    """A connection to the first address of a host that takes one; OSError if none does."""
    since = time.monotonic()
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    patience.spend(time.monotonic() - since)
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in found[:_ADDRESSES]:
        with ExitStack() as failing:
            line = failing.enter_context(socket.socket(family, kind, protocol))
            try:
                _reach(line, address, patience)
            except OSError as error:
                failure = error
                continue
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            failing.pop_all()
            return line
    raise failure


def _reach(line: socket.socket, address: Any, patience: Patience) -> None:
    line.setblocking(False)
    code = line.connect_ex(address)
    if code == EINPROGRESS:
        with DefaultSelector() as selector:
            selector.register(line, EVENT_WRITE)
            if not any(_waited(patience, selector.select, LOOK) for _ in range(round(_CONNECTING / LOOK))):
                raise TimeoutError(f"no connection within {_CONNECTING:g} seconds")
        code = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _waited(patience: Patience, act: Callable[..., _T], *arguments: Any) -> _T:
    """What ``act`` returns, which raises TimeoutError after `LOOK` seconds, however often it takes."""
    while True:
        since = time.monotonic()
        try:
            done = act(*arguments)
        except TimeoutError:
            patience.spend(time.monotonic() - since)
        else:
            patience.spend(time.monotonic() - since)
            return done
