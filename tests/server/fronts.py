"""What may stand in front of a hub, or in its place."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx

from .site import listen


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says this to everybody, and hangs up."""

    def say(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass

    with busy_with(say) as url:
        yield url


@contextmanager
def behind_prefix(url: str, prefix: str) -> Iterator[str]:
    """A proxy that takes a prefix off the path. One request a connection."""
    hub = (httpx.URL(url).host, httpx.URL(url).port or 80)

    def pass_on(client: socket.socket) -> None:
        with socket.create_connection(hub) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            head = head.replace(f" {prefix}/".encode(), b" /", 1)
            server.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            threading.Thread(target=_pump, args=(client, server)).start()
            _pump(server, client)

    with busy_with(pass_on) as address:
        yield address + prefix


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


@contextmanager
def busy_with(take: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with each connection, one after another."""
    listener = listen()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, suppress(OSError):  # whoever asked may have had enough
                take(client)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
