"""The hub as a process of its own, which is killed and started again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .inside import ADMIN_TOKEN

_READY_SECONDS = 60.0
_TESTS = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Died(Exception):
    """The process ended before it served."""


@dataclass
class Server:
    """`tukar serve` over ``data``, always at the same port.

    Attributes:
        prefix: a command to run it with.
    """

    data: Path
    prefix: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data.parent / f"{self.data.name}.log"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def start(self, countdown: int = 0) -> None:
        """Returns once it serves; Died if it does not, as with a ``countdown`` that ends before."""
        self.launch(countdown)
        self.wait()

    def launch(self, countdown: int = 0) -> None:
        command = [*self.prefix, sys.executable, "-m", "faults.hub.countdown", "serve", "--data", str(self.data)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=_environment() | {"COUNTDOWN": str(countdown)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Died(self.log.read_text()[-4000:])
            time.sleep(0.02)

    def arm(self, countdown: int) -> None:
        """Let it die after so many steps."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{countdown}\n".encode())
        self.process.stdin.flush()

    def kill(self) -> None:
        """With SIGKILL; returns once it is dead."""
        self.process.kill()
        self.process.wait()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


def _environment() -> dict[str, str]:
    """Nothing of this machine's own settings reaches the hub."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUKAR_"))}
    path = os.pathsep.join(filter(None, (str(_TESTS), mine.get("PYTHONPATH"))))
    return mine | {"TUKAR_ADMIN_TOKEN": ADMIN_TOKEN, "TUKAR_LOG_LEVEL": "warning", "PYTHONPATH": path}
