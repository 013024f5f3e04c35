"""Requests to a hub over a connection of their own, each once: who calls goes on where it was cut, or asks again.

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
from tukar.exchange.http import AGENT, Reply, error_of, retry_after, unreachable
from tukar.exchange.lines import line_to
from tukar.exchange.patience import Patience
from tukar.exchange.receiving import Cut, connection_to
from tukar.exchange.replies import malformed

_PIECE: Final = 256 << 10
_ERROR_LIMIT: Final = 1 << 20


@contextmanager
def posted(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], body: bytes, patience: Patience | None = None
) -> Iterator[Iterator[bytes]]:
    """POST a body; the answer piece by piece. Redirects are not followed.

    Cut if the connection ends before the answer does, or the patience; by default, if nothing comes for a minute. Then,
    too, while the pieces are drawn. Otherwise the hub's errors as those of ``tukar.errors``.
    """
    connection = _connection(endpoint, patience)
    try:
        _ask(connection, endpoint, "POST", path, headers, body)
        with _shut(connection.sock):  # which the connection may leave to the answer
            yield _pieces(_answered(connection, endpoint, path), endpoint, patience)
    finally:
        connection.close()


def exchanged(
    endpoint: Endpoint,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    patience: Patience,
    limit: int,
) -> Reply:
    """A request and its whole answer, whatever its status. Redirects are not followed.

    Cut if the connection ends before the answer does, or the patience; Invalid if it has more than ``limit`` bytes.
    """
    connection = _connection(endpoint, patience)
    try:
        _ask(connection, endpoint, method, path, headers, body)
        try:
            response = connection.getresponse()
        except (OSError, HTTPException) as error:
            raise Cut(unreachable(endpoint, error)) from error
        with response:
            told = bytearray()
            for piece in _pieces(response, endpoint, patience):
                told += piece
                if len(told) > limit:
                    raise malformed(f"it has more than {limit} bytes")
            return Reply(response.status, _named(response), bytes(told))
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


def _connection(endpoint: Endpoint, patience: Patience | None = None) -> HTTPConnection:
    scheme, host, port = origin(endpoint.url)
    return connection_to(scheme, host or "", port) if patience is None else line_to(scheme, host or "", port, patience)


@contextmanager
def _shut(line: socket.socket) -> Iterator[None]:
    """Nothing more comes once the context is left: a thread that waits for it, and would bar closing, is woken."""
    try:
        yield
    finally:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _ask(
    connection: HTTPConnection,
    endpoint: Endpoint,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> None:
    whole = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Content-Type": "application/json", **headers}
    try:
        connection.request(method, urlsplit(endpoint.url).path + path, body, whole)
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
    named = _named(response)
    failure = error_of(response.status, named, told, path)
    return Cut(failure, retry_after(named)) if isinstance(failure, Unavailable) else failure


def _named(response: HTTPResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _pieces(response: HTTPResponse, endpoint: Endpoint, patience: Patience | None) -> Iterator[bytes]:
    """Where there is a patience, as they come: what is around them, as in chunks, earns nothing."""
    read = response.read if patience is None else response.read1
    try:
        while piece := read(_PIECE):
            if patience is not None:
                patience.earn(len(piece))
            yield piece
    except (OSError, HTTPException) as error:
        raise Cut(unreachable(endpoint, error)) from error
    if response.length:  # http.client does not mind an end that comes before the announced length
        raise Cut(Unavailable(f"the answer of the hub at {endpoint.url} ended {response.length} bytes early"))
