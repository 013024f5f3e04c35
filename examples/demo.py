"""The main job, from one end to the other: a hub, a family of models, and the stock Hugging Face client between them.

python examples/demo.py            # publish, pull back, verify, use; the exit status says whether all of it worked
python examples/demo.py --serve    # the same, then serve until Ctrl-C

It starts a hub on loopback, publishes four models with ``hf upload``, pulls them back with ``snapshot_download``,
compares every file's sha256, and lets the base and its child find English sentences for Indonesian ones. The client is
the one that pip installs; all it is told is HF_ENDPOINT, HF_TOKEN and a cache of its own. What is published already is
found, not sent again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TUKAR = HERE.parent / ".venv" / "bin" / "tukar"
PORT = 8080
TERMINAL = sys.stdout.isatty()


@dataclass(frozen=True)
class Row:
    """One file of the table: its bytes, what it added to the store, and whether it came back the same.

    ``pushed`` and ``pulled`` are the seconds that its model took in this run; None for what an earlier one published.
    """

    model: str
    path: str
    size: int
    stored: int
    pushed: float | None
    pulled: float
    verified: bool


class Hub:
    """``tukar serve`` over a folder of the demo's own."""

    def __init__(self, folder: Path, port: int) -> None:
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


def published(hub: Hub, repository: str, folder: Path) -> bool:
    """Whether the hub has just these files."""
    try:
        found = {file["path"]: file["sha256"] for file in hub.ask(f"/models/{repository}/sizes/main")["files"]}
    except urllib.error.HTTPError:
        return False
    return found == {path: sha256(folder / path) for path in files(folder)}


def publish(hub: Hub, client: Client, owner: str, family: dict[str, Path], notes: Path) -> dict[str, float]:
    """Publish what the hub does not have, and note what each file added to the store; the seconds of what was sent."""
    seconds: dict[str, float] = {}
    sent: set[str] = set()
    for name, folder in family.items():
        repository = f"{owner}/{name}"
        before = frozenset(sent)
        sent |= {sha256(folder / path) for path in files(folder)}
        if published(hub, repository, folder) and (notes / f"{name}.json").exists():
            print(f"  ✓ {repository} is published already")
            continue
        with step(
            f"hf upload {repository} ({size(sum((folder / path).stat().st_size for path in files(folder)))})"
        ) as timer:
            client.upload(repository, folder)
        there = hub.ask(f"/models/{repository}/sizes/main")["files"]
        added = {file["path"]: file["stored_bytes"] for file in there if file["sha256"] not in before}
        (notes / f"{name}.json").write_text(json.dumps({"stored": added}))
        seconds[name] = timer.seconds
    return seconds


def pull(
    client: Client, owner: str, family: dict[str, Path], notes: Path, pushed: dict[str, float]
) -> tuple[list[Row], dict[str, Path]]:
    """Pull everything into an empty cache and compare each file with what was published."""
    rows: list[Row] = []
    pulled: dict[str, Path] = {}
    for name, folder in family.items():
        with step(f"snapshot_download {owner}/{name}") as timer:
            pulled[name] = client.download(f"{owner}/{name}")
        note = json.loads((notes / f"{name}.json").read_text())
        came = set(files(pulled[name]))
        for path in files(folder):
            same = path in came and sha256(pulled[name] / path) == sha256(folder / path)
            sizes = (folder / path).stat().st_size, note["stored"].get(path, 0)
            rows.append(Row(name, path, *sizes, pushed.get(name), timer.seconds, same))
    return rows, pulled


def size(count: float) -> str:
    """Bytes for people, in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def table(rows: Sequence[Row]) -> str:
    """The files, and a total for each model and for all."""
    rule = f"  {'─' * 79}"
    lines = [f"  {'':34}{'size':>11}{'stored':>11}{'push':>8}{'pull':>8}  sha256", rule]
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        pushed = "earlier" if mine[0].pushed is None else f"{mine[0].pushed:.1f} s"
        lines.append(_line(model, mine, pushed, f"{mine[0].pulled:.1f} s"))
        large = [row for row in mine if row.size > 100_000]
        lines += [_line(f"  {row.path}", [row]) for row in large]
        if len(large) < len(mine):
            lines.append(_line(f"  {len(mine) - len(large)} small files", [row for row in mine if row not in large]))
    return "\n".join([*lines, rule, _line("together", rows)])


def _line(name: str, rows: Sequence[Row], pushed: str = "", pulled: str = "") -> str:
    raw, stored = sum(row.size for row in rows), sum(row.stored for row in rows)
    verified = "✓ equal" if all(row.verified for row in rows) else "✗ DIFFERS"
    return f"  {name:34}{size(raw):>11}{size(stored):>11}{pushed:>8}{pulled:>8}  {verified}"


def demo(hub: Hub, folder: Path) -> bool:
    """The whole of it; whether everything that was pulled equals what was published."""
    # Where other work goes on, two threads of OpenBLAS spend their time waiting for each other. Read when NumPy loads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import use_model
    from family import OWNER, build, heldout, installed_base

    with step("make the family from the base model and a trained adapter"):
        family = build(installed_base(), folder / "family")
    with step(f"start a hub: tukar serve, at {hub.url}"):
        hub.wait()
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    pushed = publish(hub, Client(hub, folder / "cache"), OWNER, family, notes)
    shutil.rmtree(folder / "pulled", ignore_errors=True)
    rows, pulled = pull(Client(hub, folder / "pulled"), OWNER, family, notes, pushed)
    print(f"\n{table(rows)}\n")
    pairs = heldout.read()
    with step("use what was pulled: find English sentences for Indonesian ones"):
        results = [use_model.search(pulled[name], pairs) for name in ("minilm", "minilm-indonesian")]
    print(f"\n{use_model.table(*results)}\n")
    return all(row.verified for row in rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help="serve until Ctrl-C when all is done")
    parser.add_argument("--port", type=int, help=f"the hub's port (default: {PORT}, or a free one if that is taken)")
    parser.add_argument("--folder", type=Path, default=HERE.parent / ".demo", help="where everything is kept")
    return parser.parse_args()


def _free_port(wanted: int | None) -> int:
    """The port that is wanted; if none is, the usual one, or any that is free."""
    for port in (PORT, 0) if wanted is None else (wanted,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise SystemExit(f"Port {wanted} is taken: choose another with --port.")


def main() -> int:
    """Run the demo; 0 if everything came back as it was."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("Tukar: a hub, a family of models, and the stock Hugging Face client\n")
    hub = Hub(options.folder, _free_port(options.port))
    try:
        verified = demo(hub, options.folder)
        print("Every file came back as it was published." if verified else "Some files differ.")
        if options.serve:
            print(f"\nLook at the models at {hub.url}")
            print(f"Use the hub:  export HF_ENDPOINT={hub.url} HF_TOKEN=$(cat {options.folder / 'token'})")
            print("Serving until Ctrl-C.", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("\nStopped. Everything is kept: the next run finds it.")
        return 0 if options.serve else 130
    finally:
        hub.stop()
    return 0 if verified else 1


if __name__ == "__main__":
    sys.exit(main())
