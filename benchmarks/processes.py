"""The processes that are measured: a hub, nginx, and commands with what they cost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TUKAR = ROOT / ".venv" / "bin" / "tukar"
DEMO = ROOT / ".venvs" / "demo" / "bin"
TOKEN = "benchmark-administrator-token"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds of one run: on the clock, of the command's processors, of the server's."""

    wall: float
    cpu: float
    server_cpu: float


@dataclass(frozen=True)
class Server:
    """A server that runs: where, and under which process id."""

    url: str
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time so far, its children's included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15]) / _TICK


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def hub(data: Path) -> Iterator[Server]:
    """A hub over ``data``."""
    port = free_port()
    command = [str(TUKAR), "serve", "--data", str(data), "--port", str(port)]
    with data.with_name(f"{data.name}.log").open("wb") as log:
        environment = os.environ | {"TUKAR_ADMIN_TOKEN": TOKEN}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        with _stopping(process):
            await_ready(f"http://127.0.0.1:{port}/ready", process)
            yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """nginx serving ``folder`` with one worker and sendfile."""
    port = free_port()
    configuration = folder.with_name("nginx.conf")
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}.pid; error_log {folder}.log; events {{}}\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(configuration)])
    with _stopping(process):
        await_ready(f"http://127.0.0.1:{port}/{next(folder.iterdir()).name}", process, method="HEAD")
        yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def _stopping(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def await_ready(url: str, process: subprocess.Popen[bytes], method: str = "GET") -> None:
    """Wait until a server answers; RuntimeError if it ends instead."""
    while process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(urllib.request.Request(url, method=method)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server at {url} did not start")


def client(server: Server, cache: Path) -> dict[str, str]:
    """The environment of a client that speaks to a hub, with a cache of its own."""
    own = {"HF_ENDPOINT": server.url, "HF_TOKEN": TOKEN, "HF_HOME": str(cache), "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    return {"PATH": os.environ["PATH"], "HOME": str(cache)} | own


def measure(command: Sequence[str], server: Server | None = None, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, and say what that cost."""
    before = server.cpu() if server else 0.0
    start, used = time.monotonic(), _children()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    wall, spent = time.monotonic() - start, _children() - used
    if done.returncode:
        sys.stderr.buffer.write(done.stderr[-4000:])
        raise RuntimeError(f"{' '.join(command)[:200]} failed with {done.returncode}")
    return Cost(wall, spent, server.cpu() - before if server else 0.0)


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system
