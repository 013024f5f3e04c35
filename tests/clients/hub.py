"""The real hub process, and the administrator's commands next to it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tukar.cli.failures import FAULTS_FOUND

TUKAR = Path(sys.executable).parent / "tukar"
ADMIN_TOKEN = "tests-administrator-0123456789abcdef"
READY_SECONDS = 60
STOP_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Hub:
    """`tukar serve` over `data`; it can be stopped and started again at the same port, over this data or other."""

    data: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    def start(self) -> None:
        """Returns once /ready answers 200."""
        command = [str(TUKAR), "serve", "--data", str(self.data), "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=_administrator(None), stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the hub did not become ready:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """As an operator does: SIGTERM, and the process must end by itself."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None

    def back_up(self, to: Path) -> None:
        """A copy of the data folder, made while the hub is down."""
        self.stop()
        _copy(self.data, to)
        self.start()

    def restore(self, copy: Path) -> None:
        """Puts a copy in the place of the data folder, as after a lost disk."""
        self.stop()
        shutil.rmtree(self.data)
        _copy(copy, self.data)
        self.start()

    def replace_data(self, data: Path) -> None:
        """Another data folder at the same address and port."""
        self.stop()
        self.data = data
        self.start()

    def command(self, *arguments: str) -> Any:
        """The JSON document of a `tukar` command, given to the running hub by its administrator."""
        return self._command(*arguments)

    def _command(self, *arguments: str, expected: Collection[int] = (0,)) -> Any:
        command = [str(TUKAR), *arguments, "--json"]
        done = subprocess.run(
            command, env=_administrator(self.url), capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode not in expected:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout)

    def user(self, name: str) -> str:
        """A new user's write token."""
        self.command("user", "add", name)
        return self.token(name, "write")

    def token(self, name: str, role: str) -> str:
        return str(self.command("token", "create", name, "--role", role)["token"])

    def check(self) -> Any:
        """What `tukar check` reports."""
        return self._command("check", expected=(0, FAULTS_FOUND))

    def collect_garbage(self) -> None:
        self.command("gc", "--grace", "0")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


def _administrator(endpoint: str | None) -> dict[str, str]:
    """The environment of the hub and of the administrator's commands."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUKAR_"))}
    if endpoint is None:
        return variables | {"TUKAR_ADMIN_TOKEN": ADMIN_TOKEN}
    return variables | {"HF_ENDPOINT": endpoint, "HF_TOKEN": ADMIN_TOKEN}


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
