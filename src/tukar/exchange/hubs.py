"""Another hub, as this one asks it: requests signed with this hub's key, and answers that are not trusted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final, Self
from urllib.parse import urlencode

from tukar.errors import Invalid, TukarError, Unavailable
from tukar.exchange.authorisation import HubCredentials
from tukar.exchange.endpoint import Endpoint, checked
from tukar.exchange.http import PAUSES, Reply, error_of, retry_after
from tukar.exchange.patience import EXCHANGE, LEAST_RATE, Checkpoint, Patience
from tukar.exchange.receiving import Cut
from tukar.exchange.streaming import exchanged, posted
from tukar.signing import Fingerprint, IdentityDocument, SigningKey
from tukar.signing.successions import MAX_DOCUMENT

IDENTITY_PATH: Final = "/api/tukar/identity"
_REPLY_LIMIT: Final = 64 << 20


class HubClient:
    """Asks one hub, as this one. Safe to use from several threads.

    Args:
        url: of the other hub.
        key: this hub's.
        peer: the key by which the other is known; only the hub that has it takes the requests.
        clock: seconds since the epoch.
        patience: seconds that a request and its whole answer may take, tried again and again; and the seconds over
            which the pieces of a stream have to come at `LEAST_RATE` on average.
        checkpoint: called several times a second; what it raises ends what is under way.

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
        patience: float = EXCHANGE,
        checkpoint: Checkpoint = lambda: None,
    ) -> None:
        self._endpoint = Endpoint(checked(url, "the peer's address"))
        self._credentials = HubCredentials(key, peer, clock)
        self._seconds, self._checkpoint = patience, checkpoint

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing: no connection outlasts its exchange."""

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """GET a path of the other hub; tried again where that may help."""
        return self._exchange("GET", f"{path}?{urlencode(query)}" if query else path, b"", {})

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Reply:
        """POST a body, of the media type ``kind``; tried again where that may help, so it has to be repeatable."""
        return self._exchange("POST", path, body, {"Content-Type": kind})

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        patience = Patience(self._seconds, self._checkpoint)

        def once() -> Reply:
            signed = {**headers, **self._credentials.headers(method, path, body)}
            return exchanged(self._endpoint, method, path, signed, body or None, patience, _REPLY_LIMIT)

        with _told(self._endpoint):
            return _tried(once, patience, path)

    @contextmanager
    def stream(self, path: str, body: bytes, kind: str = "application/json") -> Iterator[Iterator[bytes]]:
        """POST a body; the answer piece by piece, over a connection of its own. Not tried again.

        Cut if the connection ends before the answer does, or too little comes for too long; then, too, while the pieces
        are drawn.
        """
        headers = {"Content-Type": kind, **self._credentials.headers("POST", path, body)}
        patience = Patience(self._seconds, self._checkpoint, LEAST_RATE)
        with ExitStack() as stack:
            with _told(self._endpoint):
                pieces = stack.enter_context(posted(self._endpoint, path, headers, body, patience))
            yield _drawn(pieces, self._endpoint)


def fetch_identity(url: str, seconds: float = EXCHANGE, checkpoint: Checkpoint = lambda: None) -> IdentityDocument:
    """Ask a hub who it is. What it says is consistent; that it is the right hub, only its fingerprint shows.

    Args:
        seconds: that it may take in all.
        checkpoint: called several times a second; what it raises ends it.

    Raises:
        Invalid, BadSignature: it is no address of a hub, or what it says is no identity.
        Unavailable: it does not answer.
    """
    reply = fetch_public(url, IDENTITY_PATH, seconds, MAX_DOCUMENT, checkpoint)
    with _told(Endpoint(url)):
        return IdentityDocument.parse(reply.body)


def fetch_public(
    url: str, path: str, seconds: float = EXCHANGE, limit: int = _REPLY_LIMIT, checkpoint: Checkpoint = lambda: None
) -> Reply:
    """GET what a hub tells anybody: within so many seconds in all, and at most ``limit`` bytes.

    Raises:
        Invalid: it is no address of a hub, or the answer is too long.
        Unavailable: it does not answer.
    """
    endpoint, patience = Endpoint(checked(url, "the peer's address")), Patience(seconds, checkpoint)

    def once() -> Reply:
        return exchanged(endpoint, "GET", path, {}, None, patience, limit)

    with _told(endpoint):
        return _tried(once, patience, path)


def _tried(once: Callable[[], Reply], patience: Patience, what: str) -> Reply:
    """The answer to a request that is sent again where the other hub is there, and it may help.

    If it is not there at all, whoever asks comes back later.
    """
    met = False
    for pause in (*PAUSES, None):
        least = 0.0
        try:
            reply = once()
        except Cut as cut:
            failure: TukarError = cut
        else:
            if reply.status < 300:
                return reply
            met, least = True, retry_after(reply.headers)
            failure = error_of(reply.status, reply.headers, reply.body, what)
        if pause is None or not met or not isinstance(failure, Unavailable):
            raise failure
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - so that hubs do not come back all at once
        _pause(patience, max(pause, least) * spread, failure)
    raise AssertionError("unreachable")


def _pause(patience: Patience, seconds: float, failure: TukarError) -> None:
    """Raises the failure if there is no time to wait for."""
    try:
        patience.pause(seconds)
    except TimeoutError:
        raise failure from None


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
