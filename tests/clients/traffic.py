"""A TCP proxy before the hub that notes what a client asks for, and can cut an answer short."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import httptools

PIECE = 65536


@dataclass
class Request:
    """One request as the client sent it: the target as in the request line, header names in lower case."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: int = 0


@dataclass
class Cut:
    """Ends the connection after `after` bytes of the answer to a request that `when` picks, `times` times."""

    when: Callable[[Request], bool]
    after: int
    times: int


class Traffic:
    """Listens at `url` while it is entered; hosts that build links from the Host header stay behind it."""

    def __init__(self, hub_port: int) -> None:
        self.requests: list[Request] = []
        self._hub = ("127.0.0.1", hub_port)
        self._cut: Cut | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Traffic":
        self._spawn(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def cut(self, when: Callable[[Request], bool], after: int, times: int = 1) -> None:
        self._cut = Cut(when, after, times)

    def heal(self) -> None:
        """No cuts any more."""
        self._cut = None

    def asked(self, method: str, part: str = "") -> list[Request]:
        """The requests of `method` with `part` in their target."""
        return [request for request in self.requests if request.method == method and part in request.target]

    def sent(self) -> int:
        """Bytes of all request bodies."""
        return sum(request.body for request in self.requests)

    def forget(self) -> None:
        self.requests.clear()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                hub = socket.create_connection(self._hub)
                connection = _Connection(self, client, hub)
                self._spawn(connection.upward)
                self._spawn(connection.downward)

    def budget(self, request: Request) -> int | None:
        """How many bytes of the answer to `request` may pass; None for all of them."""
        cut = self._cut
        if cut is None or cut.times == 0 or not cut.when(request):
            return None
        cut.times -= 1
        return cut.after


class _Connection:
    """One client connection: two pumps, and the callbacks of httptools for what goes up."""

    def __init__(self, traffic: Traffic, client: socket.socket, hub: socket.socket) -> None:
        self._traffic = traffic
        self._client = client
        self._hub = hub
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request("", "")
        self._left: int | None = None

    def upward(self) -> None:
        with contextlib.suppress(OSError):
            while piece := self._client.recv(PIECE):
                self._parser.feed_data(piece)
                self._hub.sendall(piece)
        self._close()

    def downward(self) -> None:
        with contextlib.suppress(OSError):
            while piece := self._hub.recv(PIECE):
                if self._left is not None and len(piece) >= self._left:
                    self._client.sendall(piece[: self._left])
                    break
                self._client.sendall(piece)
                self._left = None if self._left is None else self._left - len(piece)
        self._close()

    def _close(self) -> None:
        for end in (self._client, self._hub):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def on_message_begin(self) -> None:
        self._request = Request("", "")

    def on_url(self, url: bytes) -> None:
        self._request.target += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self._request.method = self._parser.get_method().decode()
        self._left = self._traffic.budget(self._request)
        self._traffic.requests.append(self._request)

    def on_body(self, body: bytes) -> None:
        self._request.body += len(body)
