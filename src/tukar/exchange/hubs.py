"""Another hub, as this one asks it: requests signed with this hub's key, and answers that are not trusted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final, Self

from tukar.errors import Invalid, Unavailable
from tukar.exchange.authorisation import HubCredentials
from tukar.exchange.endpoint import Endpoint, checked
from tukar.exchange.http import Remote, Reply
from tukar.exchange.replies import malformed
from tukar.exchange.streaming import PATIENCE, posted
from tukar.signing import Fingerprint, IdentityDocument, SigningKey
from tukar.signing.successions import MAX_DOCUMENT

IDENTITY_PATH: Final = "/api/tukar/identity"


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
        headers = {"Content-Type": kind, **self._credentials.headers("POST", path, body)}
        with ExitStack() as stack:
            with _told(self._endpoint):
                answer = posted(self._endpoint, path, headers, body, self._patience)
                pieces = stack.enter_context(answer)
            yield _drawn(pieces, self._endpoint)


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


def _drawn(pieces: Iterable[bytes], endpoint: Endpoint) -> Iterator[bytes]:
    with _told(endpoint):
        yield from pieces
