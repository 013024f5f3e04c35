"""What the demo stands on: hubs as processes, the stock client and ``tukar`` as commands, and lines of progress."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TUKAR = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "tukar"
PORT = 8080
TERMINAL = sys.stdout.isatty()


class Hub:
    """``tukar serve`` over a folder of the demo's own, by the name that its peers call it."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.token = _kept_token(folder / "token")
        self._log = (folder / "hub.log").open("ab")
        command = [str(TUKAR), "serve", "--data", str(folder / "hub"), "--host", "127.0.0.1", "--port", str(port)]
        environment = os.environ | {"TUKAR_ADMIN_TOKEN": self.token}
        # A session of its own: Ctrl-C is ours, and the hub is told to stop once we are done.
        self._process = subprocess.Popen(
            command, env=environment, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def wait(self) -> None:
        """Return once the hub takes requests."""
        while True:
            if self._process.poll() is not None:
                raise SystemExit(
                    f"The hub did not start. Its last words, from {self._log.name}:\n{_tail(self._log.name)}"
                )
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                return
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask the hub to end, and wait for it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
        self._log.close()

    def ask(self, path: str) -> dict:
        """An answer of the hub's own API."""
        request = urllib.request.Request(
            f"{self.url}/api/tukar{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def tukar(self, *arguments: str) -> object:
        """What a ``tukar`` command says to its operator, as JSON."""
        environment = os.environ | {"HF_ENDPOINT": self.url, "HF_TOKEN": self.token}
        command = [str(TUKAR), *arguments, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"\ntukar {' '.join(arguments)} failed on {self.name}:\n{done.stdout}{done.stderr[-2000:]}"
            )
        return json.loads(done.stdout)


def _kept_token(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"demo_{secrets.token_urlsafe(24)}")
    return path.read_text()


def _tail(path: str | bytes) -> str:
    return "\n".join(Path(os.fsdecode(path)).read_text(errors="replace").splitlines()[-10:])


@dataclass
class Timer:
    """How long a step took, once it is over."""

    seconds: float = 0.0


@contextlib.contextmanager
def step(doing: str) -> Iterator[Timer]:
    """One line of progress: what is being done, and then how long it took."""
    start, done, timer = time.monotonic(), threading.Event(), Timer()

    def spin() -> None:
        for mark in iter("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" * 10_000):
            print(f"\r  {mark} {doing} … {time.monotonic() - start:4.1f} s", end="", flush=True)
            if done.wait(0.1):
                return

    spinner = threading.Thread(target=spin, daemon=True)
    if TERMINAL:
        spinner.start()
    try:
        yield timer
    except BaseException:
        mark = "✗"
        raise
    else:
        mark = "✓"
    finally:
        timer.seconds = time.monotonic() - start
        done.set()
        if TERMINAL:
            spinner.join()
        line = f"  {mark} {doing} {'.' * max(3, 64 - len(doing))} {timer.seconds:5.1f} s"
        print(f"\r{line}" if TERMINAL else line, flush=True)


def sha256(path: Path) -> str:
    """The digest of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(folder: Path) -> list[str]:
    """The files below a folder, as paths in a repository."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class Client:
    """The stock client, in processes of its own, told nothing but where the hub is, who asks, and where to cache."""

    def __init__(self, hub: Hub, cache: Path) -> None:
        self.hub = hub
        self._environment = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HOME": str(cache)}
        self._environment |= {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

    def upload(self, repository: str, folder: Path) -> None:
        """``hf upload REPOSITORY FOLDER .``"""
        self._run([str(Path(sys.executable).with_name("hf")), "upload", repository, str(folder), "."])

    def download(self, repository: str) -> Path:
        """``snapshot_download(REPOSITORY)``; the snapshot's folder."""
        script = "import sys; from huggingface_hub import snapshot_download; print(snapshot_download(sys.argv[1]))"
        return Path(self._run([sys.executable, "-c", script, repository]).splitlines()[-1])

    def _run(self, command: Sequence[str]) -> str:
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"\n{' '.join(command[:3])} failed:\n{done.stderr[-2000:] or done.stdout[-2000:]}")
        return done.stdout


def size(count: float) -> str:
    """Bytes for people, in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def free_port(wanted: int | None) -> int:
    """The port that is wanted; if none is, the usual one, or any that is free."""
    for port in (PORT, 0) if wanted is None else (wanted,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise SystemExit(f"Port {wanted} is taken: choose another with --port.")
