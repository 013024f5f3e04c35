"""Both families in a running hub, and in the stores of others; and what travels to somebody who has the base."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.interruptions import Line
from benchmarks.processes import DEMO, TOKEN, TUKAR, Server, client, hub
from benchmarks.storage.coders import BITX, Coder, Xor
from benchmarks.storage.models import Model, parent_of, tensors
from benchmarks.storage.peers import Lmzip, Xet, stored_bytes

_QUIET = {f"TUKAR_{name}_EVERY": "0" for name in ("GC", "CHECK", "REPACK")}
_PULLED = ("llm/heavy-1", "llm/light-1", "minilm/a")

Say = Callable[[str], None]


@dataclass
class Sum:
    """Models in stores.

    Attributes:
        raw: bytes of their files.
        pushed: bytes of the hub's data folder after the pushes.
        disk, allocated: after repacking and gc; the same in the disk's blocks.
        packs: of what it has in its storage, without its database.
        others: bytes that others' stores take, by name.
        faults: what is wrong: files that are read back otherwise, and what ``tukar check`` finds.
    """

    what: str
    models: int
    raw: int
    pushed: int
    disk: int
    allocated: int
    packs: int
    others: dict[str, int] = field(default_factory=dict)
    faults: int = 0


@dataclass(frozen=True)
class Pull:
    """What came down the line with one model, by what moved it."""

    model: str
    raw: int
    passed: dict[str, int]
    exact: bool


def run(folder: Path, found: Sequence[Model], what: Sequence[str], say: Say) -> tuple[list[Sum], list[Pull]]:
    """Sums and pulls; which of them are wanted is in ``what``: store, wire or both."""
    work = folder / "hub"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.environ.update(_QUIET)
    if "store" not in what:
        found = [model for model in found if model.id in {*_PULLED, "llm/base", "minilm/base"}]
    with hub(work / "data") as server:
        sums = _sums(folder, server, found, "store" in what, say)
        pulls = _pulls(work, server, found, say) if "wire" in what else []
    shutil.rmtree(work)
    return sums if "store" in what else [], pulls


def _sums(folder: Path, server: Server, found: Sequence[Model], with_others: bool, say: Say) -> list[Sum]:
    sets = {
        "bf16": [model for model in found if model.dtype == "bf16"],
        "with f16 and f32": [model for model in found if model.dtype != "bf16"],
    }
    sums, here = [], []
    others = Others(folder) if with_others else None
    for what, more in sets.items():
        if not more:
            continue
        here += more
        made = _stored(folder / "hub" / "data", server, what, here, more, say)
        if others:
            others.add(more, here, say)
            made.others = dict(others.sums)
        sums.append(made)
    return sums


def _stored(data: Path, server: Server, what: str, here: Sequence[Model], more: Sequence[Model], say: Say) -> Sum:
    for model in more:
        say(f"pushing {model.id}")
        command(server, "push", str(model.path.parent), repository(model))
    pushed = used(data)[0]
    say("repacking")
    command(server, "repack", "--wait")
    while command(server, "gc", "--grace", "0")["freed_bytes"]:
        pass
    apparent, allocated = used(data)
    raw = sum(model.path.stat().st_size for model in here)
    made = Sum(what, len(here), raw, pushed, apparent, allocated, used(data / "objects")[0])
    say(f"{what}: {apparent / raw:.1%} of {raw / 1e6:.0f} MB; reading all back")
    made.faults = sum(not _is_served(server, model) for model in here)
    made.faults += command(server, "check")["fault_count"]
    return made


def _is_served(server: Server, model: Model) -> bool:
    """Whether the hub gives the very bytes."""
    url = f"{server.url}/{repository(model)}/resolve/main/{model.path.name}"
    hasher = sha256()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})) as answer:
        while data := answer.read(1 << 20):
            hasher.update(data)
    return hasher.hexdigest() == model.sha256


class Others:
    """The stores of hf-xet, BitX and lmzip, which grow model by model. The latter two are told which base to take."""

    def __init__(self, folder: Path) -> None:
        self._store = folder / "xet-sum"
        shutil.rmtree(self._store, ignore_errors=True)
        self.sums: dict[str, int] = {}
        self._coders: list[Coder] = [Xor(BITX)]
        self._xet: Xet | None = None
        for coder in (Lmzip, lambda: Xet(folder / "xet")):
            try:
                made = coder()
            except ImportError:
                continue
            if isinstance(made, Xet):
                self._xet = made
            else:
                self._coders.append(made)

    def add(self, more: Sequence[Model], here: Sequence[Model], say: Say) -> None:
        """Let them store more models."""
        for model in more:
            say(f"storing {model.id} elsewhere")
            found = tensors(model, parent_of(model, list(here)))
            header = model.path.stat().st_size - sum(tensor.known.size for tensor in found)
            for coder in self._coders:
                size = sum(min(coder.encode(tensor).size, tensor.known.size) for tensor in found)
                self.sums[coder.name] = self.sums.get(coder.name, 0) + header + size
            if self._xet is not None:
                self._xet.add(self._store, model.path)
                self.sums[self._xet.name] = stored_bytes(self._store)


def _pulls(work: Path, server: Server, found: Sequence[Model], say: Say) -> list[Pull]:
    pulls = []
    for model in found:
        base = parent_of(model, list(found))
        if model.id in _PULLED and base is not None:
            say(f"pulling {model.id}")
            pulls.append(_pull(work / "pulls", server, model, base))
    return pulls


def _pull(work: Path, server: Server, model: Model, base: Model) -> Pull:
    """By Tukar with the base in the stock client's cache, and in the folder; by the stock client, which has it."""
    shutil.rmtree(work, ignore_errors=True)
    name = model.path.name
    download = [str(DEMO / "hf"), "download"]
    for home in ("a", "b"):
        _ran(server, work / home, [*download, repository(base)])
    _ran(server, work / "c", [str(TUKAR), "pull", repository(base), "--to", str(work / "folder")])
    passed: dict[str, int] = {}
    for what, home, to in (
        ("tukar pull, base in the cache", "a", "pulled"),
        ("tukar pull, base in the folder", "c", "folder"),
    ):
        pull = [str(TUKAR), "pull", repository(model), "--to", str(work / to), "--force"]
        passed[what] = _counted(server, work / home, pull)
    passed["hf download"] = _counted(
        server, work / "b", [*download, repository(model), "--local-dir", str(work / "down")]
    )
    files = [work / to / name for to in ("pulled", "folder", "down")]
    exact = all(sha256(path.read_bytes()).hexdigest() == model.sha256 for path in files)
    shutil.rmtree(work)
    return Pull(model.id, model.path.stat().st_size, passed, exact)


def _counted(server: Server, home: Path, arguments: Sequence[str]) -> int:
    """The bytes that came down the line."""
    with _line(server) as line:
        _ran(line.server, home, arguments)
        return line.down


@contextmanager
def _line(server: Server) -> Iterator[Line]:
    line = Line(int(server.url.rpartition(":")[2]))
    try:
        yield line
    finally:
        line.close()


def _ran(server: Server, home: Path, arguments: Sequence[str]) -> str:
    home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(arguments, env=client(server, home), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[:3])} failed with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def command(server: Server, *arguments: str) -> Any:
    """What a command of Tukar says to the hub."""
    return json.loads(_ran(server, Path("/tmp"), [str(TUKAR), *arguments, "--json"]))


def repository(model: Model) -> str:
    """Where a model is on the hub."""
    return f"admin/{model.family}-{model.name}"


def used(folder: Path) -> tuple[int, int]:
    """Bytes of all files below, and those that the disk has given them (``du``)."""
    stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(stat.st_size for stat in stats), sum(stat.st_blocks * 512 for stat in stats)
