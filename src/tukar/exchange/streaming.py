"""Long bodies to and from a hub, over a connection of their own, each once: who calls goes on where it was cut.

The standard library's client, as in ``receiving``: it costs a fifth of what httpx does for each byte.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlsplit

from tukar.errors import TukarError, Unavailable
from tukar.exchange.endpoint import Endpoint, origin
from tukar.exchange.http import AGENT, error_of, retry_after, unreachable
from tukar.exchange.receiving import Cut, connection_to

PATIENCE: Final = 60.0
"""Seconds without a byte after which a hub is given up."""

_PIECE: Final = 256 << 10
_ERROR_LIMIT: Final = 1 << 20


@contextmanager
def posted(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], body: bytes, patience: float = PATIENCE
) -> Iterator[Iterator[bytes]]:
    """POST a body; the answer piece by piece. Redirects are not followed.

    Cut if the connection ends before the answer does, or nothing comes for ``patience`` seconds; then, too, while the
    pieces are drawn. Otherwise the hub's errors as those of ``tukar.errors``.
    """
    connection = _connection(endpoint, patience)
    try:
        _ask(connection, endpoint, path, headers, body)
        with _shut(connection.sock):  # which the connection may leave to the answer
            yield _pieces(_answered(connection, endpoint, path), endpoint)
    finally:
        connection.close()


def sent(endpoint: Endpoint, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]) -> None:
    """POST a body that is made piece by piece; its answer says no more than that all of it was taken.

    Cut if the connection ends before, or the hub is busy. Otherwise its errors, and whatever ``pieces`` raises.
    """
    connection = _connection(endpoint)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered already: why it takes no more
            _send(connection, endpoint, path, headers, pieces)
        _answer(connection, endpoint, path)
    finally:
        connection.close()


def _send(
    connection: HTTPConnection, endpoint: Endpoint, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]
) -> None:
    try:
        connection.connect()
    except OSError as error:
        raise Cut(unreachable(endpoint, error)) from error
    connection.putrequest("POST", urlsplit(endpoint.url).path + path, skip_accept_encoding=True)
    for name, value in {"User-Agent": AGENT, "Transfer-Encoding": "chunked", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in pieces:
        _write(connection, endpoint, b"%X\r\n" % len(piece), piece, b"\r\n")
    _write(connection, endpoint, b"0\r\n\r\n")


def _write(connection: HTTPConnection, endpoint: Endpoint, *some: bytes) -> None:
    try:
        for each in some:
            connection.send(each)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except OSError as error:
        raise Cut(unreachable(endpoint, error)) from error


def _answer(connection: HTTPConnection, endpoint: Endpoint, path: str) -> None:
    try:
        response = connection.getresponse()
        told = response.read(_ERROR_LIMIT)
    except (OSError, HTTPException) as error:
        raise Cut(unreachable(endpoint, error)) from error
    if response.status >= 300:
        raise _failure(response, told, path)


def _connection(endpoint: Endpoint, patience: float = PATIENCE) -> HTTPConnection:
    scheme, host, port = origin(endpoint.url)
    return connection_to(scheme, host or "", port, patience)


@contextmanager
def _shut(line: socket.socket) -> Iterator[None]:
    """Nothing more comes once the context is left: a thread that waits for it, and would bar closing, is woken."""
    try:
        yield
    finally:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _ask(connection: HTTPConnection, endpoint: Endpoint, path: str, headers: Mapping[str, str], body: bytes) -> None:
    whole = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Content-Type": "application/json", **headers}
    try:
        connection.request("POST", urlsplit(endpoint.url).path + path, body, whole)
    except (OSError, HTTPException) as error:
        raise Cut(unreachable(endpoint, error)) from error


def _answered(connection: HTTPConnection, endpoint: Endpoint, path: str) -> HTTPResponse:
    try:
        response = connection.getresponse()
        if response.status == 200 and (response.chunked or response.length is not None):
            return response
        told = response.read(_ERROR_LIMIT)
    except (OSError, HTTPException) as error:
        raise Cut(unreachable(endpoint, error)) from error
    if response.status == 200:  # its end could not be told from a cut
        raise Cut(Unavailable(f"{path}: the answer has no length, and does not come in chunks"))
    raise _failure(response, told, path)


def _failure(response: HTTPResponse, told: bytes, path: str) -> TukarError:
    named = {name.lower(): value for name, value in response.headers.items()}
    failure = error_of(response.status, named, told, path)
    return Cut(failure, retry_after(named)) if isinstance(failure, Unavailable) else failure


def _pieces(response: HTTPResponse, endpoint: Endpoint) -> Iterator[bytes]:
    try:
        while piece := response.read(_PIECE):
            yield piece
    except (OSError, HTTPException) as error:
        raise Cut(unreachable(endpoint, error)) from error
    if response.length:  # http.client does not mind an end that comes before the announced length
        raise Cut(Unavailable(f"the answer of the hub at {endpoint.url} ended {response.length} bytes early"))
