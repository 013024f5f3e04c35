"""A hub at the other end of HTTP: requests, what is tried again, and its errors as Tukar's own."""

from __future__ import annotations

import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from json import dumps
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from tukar import __version__, errors
from tukar.errors import Corrupt, Invalid, TukarError, Unauthenticated, Unavailable
from tukar.exchange import replies
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.text import line
from tukar.types import RepoId, RepoType

PLURALS: Final[Mapping[RepoType, str]] = {"model": "models", "dataset": "datasets", "space": "spaces"}
PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before what failed is tried again
PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})  # statuses of what may succeed later
AGENT: Final = f"tukar/{__version__}"
_LONGEST_PAUSE: Final = 60.0
_REPLY_LIMIT: Final = 64 << 20
_PAGES_LIMIT: Final = 10_000

Content = bytes | Callable[[], Iterator[bytes]] | None
"""The body of a request; if it is made piece by piece, it can be made again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; Invalid if it is not."""
        return replies.parse(self.body)

    def fields(self) -> replies.Fields:
        """The body as a JSON object; Invalid if it is not."""
        return replies.Fields.of(self.json())


class Remote:
    """A connection to the hub at ``endpoint``. Safe to use from several threads. Redirects are not followed.

    Every method raises the hub's errors as those of ``tukar.errors``, and Unavailable if it does not answer.

    The hub may stay silent for two minutes where something is asked of it, and for as long as it takes where it is to
    store something: if it is gone, the keep-alive probes show that.

    Args:
        endpoint: which hub, and the token to show it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._storing = httpx.Timeout(60.0, connect=10.0, read=None)
        self._asking = httpx.Timeout(60.0, connect=10.0, read=120.0)
        transport = httpx.HTTPTransport(verify=trusted_authorities(), trust_env=False, socket_options=_keep_alive())
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        self._client = httpx.Client(transport=transport, headers=headers, trust_env=False)
        self._met = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """GET a path of the hub."""
        return self.request("GET", path, query=query)

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """The JSON of a GET, and of those that its ``Link: rel="next"`` leads to."""
        address: str | None = str(httpx.URL(self.endpoint.url + path, params=query))
        for _ in range(_PAGES_LIMIT):
            if address is None:
                return
            reply = self._send("GET", address, path, None, {}, repeatable=True)
            yield reply.json()
            address = self._next(reply)
        raise replies.malformed(f"a list has more than {_PAGES_LIMIT} pages")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Reply:
        """A request to the hub. If it is ``repeatable``, it is sent again where it is not clear that it arrived."""
        sent = dict(headers or {})
        if json is not None:
            content = dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        address = str(httpx.URL(self.endpoint.url + path, params=query)) if query else self.endpoint.url + path
        return self._send(method, address, path, content, sent, repeatable=repeatable)

    def send(self, method: str, address: str, what: str, content: Content, headers: Mapping[str, str]) -> Reply:
        """A request to an address that the hub gave out; it is signed, so the token stays here. ``what`` names it."""
        return self._send(method, address, what, content, headers, repeatable=True, signed=True)

    def send_json(self, method: str, address: str, what: str, value: Any, headers: Mapping[str, str]) -> Reply:
        """The same with a JSON body."""
        return self.send(method, address, what, dumps(value).encode(), headers)

    def _next(self, reply: Reply) -> str | None:
        link = re.search(r'<([^>]+)>;\s*rel="?next"?', reply.headers.get("link", ""))
        if link is None:
            return None
        if not self.endpoint.is_at(link[1]):
            raise replies.malformed("the next page of a list is on another host")
        return link[1]

    def _send(
        self,
        method: str,
        address: str,
        what: str,
        content: Content,
        headers: Mapping[str, str],
        *,
        repeatable: bool,
        signed: bool = False,
    ) -> Reply:
        for pause in (*PAUSES, None):
            try:
                shown = {} if signed else self.endpoint.headers()
                reply = self._once(method, address, content, {**headers, **shown})
            except httpx.TransportError as error:
                failure: TukarError = unreachable(self.endpoint, error)
                again = self._met and (repeatable or isinstance(error, httpx.ConnectError))
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise replies.malformed(f"it names an address that is none ({error})") from None
            else:
                self._met = True
                if reply.status < 300:
                    return reply
                failure = self._error(reply, what)
                again = reply.status in PASSING and (repeatable or reply.status in (429, 503))
                again = again and not isinstance(failure, Corrupt)
                pause = pause and max(pause, retry_after(reply.headers))
            if pause is None or not again:
                raise failure
            time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - so that clients do not come back all at once
        raise AssertionError("unreachable")

    def _once(self, method: str, address: str, content: Content, headers: Mapping[str, str]) -> Reply:
        body = content() if callable(content) else content
        timeout = self._asking if method == "GET" else self._storing
        with self._client.stream(method, address, content=body, headers=dict(headers), timeout=timeout) as response:
            pieces, size = [], 0
            for piece in response.iter_raw():
                size += len(piece)
                if size > _REPLY_LIMIT:
                    raise replies.malformed(f"it has more than {_REPLY_LIMIT} bytes")
                pieces.append(piece)
        return Reply(response.status_code, response.headers, b"".join(pieces))

    def _error(self, reply: Reply, what: str) -> TukarError:
        error = error_of(reply.status, reply.headers, reply.body, what)
        if isinstance(error, Unauthenticated):
            source = f"the one in use is from {self.endpoint.token_from}" if self.endpoint.token else "none is set"
            error.hint = f"set HF_TOKEN to a token of {self.endpoint.url}; {source}"
        return error


def error_of(status: int, headers: Mapping[str, str], body: bytes, what: str) -> TukarError:
    """An error reply as the error that it stands for. ``what`` was asked for."""
    kind = _CODES.get(headers.get("x-error-code", "")) or _STATUSES.get(status)
    if kind is None:
        kind = Unavailable if status >= 500 or status in PASSING else Invalid
    message = _message(headers, body)
    if kind is Corrupt:  # it says which block, and not of which file
        return Corrupt(
            f"{what}: the hub's copy is damaged{f' ({message})' if message else ''}",
            hint="whoever runs the hub: `tukar check` names every file that is touched",
        )
    return kind(message or f"{what}: the hub answered {status}")


def _message(headers: Mapping[str, str], body: bytes) -> str | None:
    try:
        told = replies.parse(body)
    except Invalid:
        told = None
    text = told.get("error") if isinstance(told, dict) else None
    found = text if isinstance(text, str) and text else headers.get("x-error-message")
    return found and line(found)


def unreachable(endpoint: Endpoint, error: Exception) -> Unavailable:
    """The error for a hub that does not answer."""
    reason = str(error) or type(error).__name__
    return Unavailable(
        f"the hub at {endpoint.url} does not answer: {reason}",
        hint="start one with `tukar serve`, or set HF_ENDPOINT to the address of another",
    )


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that a reply asks to wait; 0 if it does not say."""
    text = headers.get("retry-after", "")
    return min(float(text), _LONGEST_PAUSE) if re.fullmatch(r"\d{1,6}", text) else 0.0


def repo_path(repo: RepoId) -> str:
    """The path of a repository in the hub's API."""
    return f"/api/{PLURALS[repo.type]}/{repo}"


def web_path(repo: RepoId) -> str:
    """The path of a repository's page."""
    return f"/{repo}" if repo.type == "model" else f"/{PLURALS[repo.type]}/{repo}"


def quoted(segment: str) -> str:
    """Text as one segment of a path."""
    return quote(segment, safe="")


@cache
def trusted_authorities() -> ssl.SSLContext:
    """The certificates that this machine trusts. To read them takes 50 ms: longer than most of what hubs ask for."""
    return ssl.create_default_context()


def _keep_alive() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_KEEPIDLE"):
        options += [(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30), (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)]
    return options


_CODES: Final[Mapping[str, type[TukarError]]] = {
    "RepoNotFound": errors.RepoNotFound,
    "RevisionNotFound": errors.RevisionNotFound,
    "EntryNotFound": errors.EntryNotFound,
    "GatedRepo": errors.Refused,
    "Corrupt": errors.Corrupt,
    "OutdatedKey": replies.OutdatedKey,
}
_STATUSES: Final[Mapping[int, type[TukarError]]] = {
    401: errors.Unauthenticated,
    403: errors.Refused,
    404: errors.NotFound,
    409: errors.Conflict,
    412: errors.Conflict,
    501: errors.Unsupported,
}
