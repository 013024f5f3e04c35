"""The real hub as a process, the commands in this one, and a way between them that can be narrowed or cut."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tukar.cli import main

TUKAR = Path(sys.executable).parent / "tukar"
ADMIN_TOKEN = "tests-administrator-0123456789abcdef"
DEADLINE = 60.0  # seconds; only a test that fails waits for as long


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@dataclass
class Ran:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document."""
        return json.loads(self.stdout)


@dataclass
class Commands:
    """`tukar` as somebody at a hub runs it; in this process, which is faster, unless it has to be killed."""

    url: str
    home: Path
    token: str | None = ADMIN_TOKEN

    def __call__(self, *arguments: object) -> Ran:
        done = CliRunner().invoke(main, [str(a) for a in arguments], env=self._settings(), catch_exceptions=False)
        return Ran(done.exit_code, done.stdout, done.stderr)

    def json(self, *arguments: object) -> Any:
        """The document of a command that succeeds."""
        done = self(*arguments, "--json")
        assert done.code == 0, done.stderr
        return done.document

    def start(self, *arguments: object, stdin: int | None = None) -> "subprocess.Popen[str]":
        """The same in a process of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUKAR_"))}
        settings = {name: value for name, value in self._settings().items() if value is not None}
        command = [str(TUKAR), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=kept | settings, stdin=stdin, stdout=pipe, stderr=pipe, text=True, cwd=self.home
        )

    def as_(self, token: str | None) -> "Commands":
        return Commands(self.url, self.home, token)

    def at(self, url: str) -> "Commands":
        return Commands(url, self.home, self.token)

    def _settings(self) -> dict[str, str | None]:
        unset = dict.fromkeys(("HF_TOKEN_PATH", "TUKAR_CONFIG", "TUKAR_DATA", "TUKAR_ADMIN_TOKEN"))
        folders = {"HF_HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")}
        return {**unset, **folders, "HF_ENDPOINT": self.url, "HF_TOKEN": self.token}


@dataclass
class HubProcess:
    """`tukar serve` over a data folder, at a port that was free."""

    data: Path
    settings: dict[str, str] = field(default_factory=lambda: {"TUKAR_ADMIN_TOKEN": ADMIN_TOKEN})
    greeting: dict[str, Any] = field(default_factory=dict)

    def start(self, *arguments: str) -> "HubProcess":
        """Returns once it listens; requests wait until it serves."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUKAR_"))}
        command = [str(TUKAR), "serve", "--data", str(self.data), "--port", "0", "--json", *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=kept | self.settings, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.greeting = json.loads(line)
        return self

    @property
    def url(self) -> str:
        return str(self.greeting["url"])

    @property
    def log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """As an operator does; returns the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


class Way:
    """A TCP proxy to a hub. It counts what comes back, and may stop passing it on, or cut, after so many bytes.

    It may also stop passing on what is sent, after `takes` bytes, or cut when so many were sent (`takes_until`).
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._hub = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.passed = 0
        self.cuts_at: list[int] = []
        self.stalls_at: int | None = None
        self.taken = 0
        self.takes: int | None = None
        self.takes_until: list[int] = []
        self._open = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._open.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    hub = socket.create_connection(self._hub)
                except OSError:  # it is down: so is the way to it
                    client.close()
                    continue
                threading.Thread(target=self._forward, args=(client, hub), daemon=True).start()
                threading.Thread(target=self._back, args=(hub, client), daemon=True).start()

    def _forward(self, client: socket.socket, hub: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                self.taken += len(data)
                if self.takes_until and self.taken >= self.takes_until[0]:
                    self.takes_until.pop(0)
                    client.shutdown(socket.SHUT_RDWR)
                    hub.shutdown(socket.SHUT_RDWR)
                    return
                if self.takes is None or self.taken <= self.takes:
                    hub.sendall(data)
            hub.shutdown(socket.SHUT_WR)

    def _back(self, hub: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), hub, client:
            try:
                self._pass_back(hub, client)
            finally:  # its other thread waits for it, and so closing it would not end it
                client.shutdown(socket.SHUT_RDWR)

    def _pass_back(self, hub: socket.socket, client: socket.socket) -> None:
        while data := hub.recv(1 << 14):
            self.passed += len(data)
            if self.cuts_at and self.passed >= self.cuts_at[0]:
                self.cuts_at.pop(0)
                return
            if self.stalls_at is not None and self.passed >= self.stalls_at:
                self._open.wait()
                return
            client.sendall(data)
