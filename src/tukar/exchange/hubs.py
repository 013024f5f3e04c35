"""Another hub, as this one asks it: requests signed with this hub's key, and answers that are not trusted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final, Self
from urllib.parse import urlsplit

from tukar.errors import Invalid, Unavailable
from tukar.exchange.authorisation import HubCredentials
from tukar.exchange.endpoint import Endpoint, checked, origin
from tukar.exchange.http import AGENT, Remote, Reply, error_of, retry_after, unreachable
from tukar.exchange.receiving import Cut, connection_to
from tukar.exchange.replies import malformed
from tukar.signing import Fingerprint, IdentityDocument, SigningKey
from tukar.signing.successions import MAX_DOCUMENT

IDENTITY_PATH: Final = "/api/tukar/identity"

PATIENCE: Final = 60.0
"""Seconds without a byte of an answer after which a hub is given up."""

_PIECE: Final = 256 << 10
_ERROR_LIMIT: Final = 1 << 20


class HubClient:
    """Asks one hub, as this one. ``get`` and ``post`` are safe to use from several threads.

    Args:
        url: of the other hub.
        key: this hub's.
        peer: the key by which the other is known; only the hub that has it takes the requests.
        clock: seconds since the epoch.
        patience: seconds that the other may stay silent.

    Raises, each method: the other hub's errors as those of ``tukar.errors``, OutdatedKey if it has another key by now;
    Invalid for an answer that is none; Unavailable if it does not answer. Redirects are not followed. An answer shows
    nothing by itself of who gave it: statements are signed, and objects have digests.
    """

    def __init__(
        self,
        url: str,
        key: SigningKey,
        peer: Fingerprint,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        self._endpoint = Endpoint(checked(url, "the peer's address"))
        self._credentials = HubCredentials(key, peer, clock)
        self._remote = Remote(self._endpoint, self._credentials, patience)
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._remote.__exit__()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """GET a path of the other hub; tried again where that may help."""
        with _told(self._endpoint):
            return self._remote.get(path, query)

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Reply:
        """POST a body, of the media type ``kind``; tried again where that may help, so it has to be repeatable."""
        with _told(self._endpoint):
            return self._remote.request("POST", path, content=body, headers={"Content-Type": kind})

    @contextmanager
    def stream(self, path: str, body: bytes, kind: str = "application/json") -> Iterator[Iterator[bytes]]:
        """POST a body; the answer piece by piece, over a connection of its own. Not tried again.

        Cut if the connection ends before the answer does, or nothing comes for too long; then, too, while the pieces
        are drawn.
        """
        scheme, host, port = origin(self._endpoint.url)
        connection = connection_to(scheme, host or "", port, self._patience)
        try:
            with _told(self._endpoint):
                response = self._open(connection, path, body, kind)
            yield _pieces(response, self._endpoint)
        finally:
            connection.close()

    def _open(self, connection: HTTPConnection, path: str, body: bytes, kind: str) -> HTTPResponse:
        headers = {
            "User-Agent": AGENT,
            "Accept-Encoding": "identity",
            "Content-Type": kind,
            **self._credentials.headers("POST", path, body),
        }
        try:
            connection.request("POST", urlsplit(self._endpoint.url).path + path, body, headers)
            response = connection.getresponse()
            if response.status == 200 and (response.chunked or response.length is not None):
                return response
            told = response.read(_ERROR_LIMIT)
        except (OSError, HTTPException) as error:
            raise Cut(unreachable(self._endpoint, error)) from error
        if response.status == 200:  # its end could not be told from a cut
            raise Cut(Unavailable(f"{path}: the answer has no length, and does not come in chunks"))
        named = {name.lower(): value for name, value in response.headers.items()}
        failure = error_of(response.status, named, told, path)
        raise Cut(failure, retry_after(named)) if isinstance(failure, Unavailable) else failure


def fetch_identity(url: str, patience: float = PATIENCE) -> IdentityDocument:
    """Ask a hub who it is. What it says is consistent; that it is the right hub, only its fingerprint shows.

    Args:
        patience: seconds that it may stay silent.

    Raises:
        Invalid, BadSignature: it is no address of a hub, or what it says is no identity.
        Unavailable: it does not answer.
    """
    endpoint = Endpoint(checked(url, "the peer's address"))
    with Remote(endpoint, patience=patience) as remote, _told(endpoint):
        body = remote.get(IDENTITY_PATH).body
        if len(body) > MAX_DOCUMENT:
            raise malformed(f"its identity has {len(body)} bytes")
        return IdentityDocument.parse(body)


@contextmanager
def _told(endpoint: Endpoint) -> Iterator[None]:
    """Errors with what an operator can do: the hints for commands speak of HF_ENDPOINT, which this is not."""
    try:
        yield
    except Unavailable as error:
        error.hint = f"see that the hub at {endpoint.url} runs, and that this machine can reach it"
        raise
    except Invalid as error:
        error.hint = error.hint and f"is {endpoint.url} the address of a hub?"
        raise


def _pieces(response: HTTPResponse, endpoint: Endpoint) -> Iterator[bytes]:
    with _told(endpoint):
        try:
            while piece := response.read(_PIECE):
                yield piece
        except (OSError, HTTPException) as error:
            raise Cut(unreachable(endpoint, error)) from error
        if response.length:  # http.client does not mind an end that comes before the announced length
            raise Cut(Unavailable(f"the answer of the hub at {endpoint.url} ended {response.length} bytes early"))
