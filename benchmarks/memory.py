"""Peak anonymous memory of the hub while large models go in and out.

A file of 2 GiB through the stock client (as it is, and with ``HF_XET_HIGH_PERFORMANCE=1``) and through ``tukar``; then
a 7B-shaped repository of several shards through push, pull, its page and a check. The hub's memory is sampled twenty
times a second.
"""

from __future__ import annotations

import argparse
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import DEMO, TUKAR, Server, client, hub, measure
from benchmarks.transfer import NAME, make
from tukar.testing.models import big_model, llama_shapes


class Peak:
    """The largest sum of anonymous memory of a process and its children that was seen, in MiB."""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._pid, self._done = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.mib = max(self.mib, sum(map(_anonymous_mib, _family(self._pid))))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def _anonymous_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0.0)


@contextmanager
def _fresh(folder: Path) -> Iterator[tuple[Path, Server]]:
    shutil.rmtree(folder / "memory", ignore_errors=True)
    (folder / "memory").mkdir()
    with hub(folder / "memory" / "hub") as server:
        yield folder / "memory", server


def run(folder: Path, options: argparse.Namespace) -> str:
    """Measure, and return the report as Markdown."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    make(source / NAME, 2048)
    rows = [_stock(folder, source, {}), _stock(folder, source, {"HF_XET_HIGH_PERFORMANCE": "1"}), _ours(folder, source)]
    rows.append(_large(folder, layers=max(1, options.mib // 400)))
    return "\n".join(["| what went through the hub | peak anonymous memory, MiB |", "|---|---|", *rows])


def _stock(folder: Path, source: Path, settings: dict[str, str]) -> str:
    with _fresh(folder) as (work, server), Peak(server.pid) as peak:
        environment = client(server, work / "client") | settings
        measure([str(DEMO / "hf"), "upload", "admin/memory", str(source / NAME), NAME], server, environment)
        measure([str(DEMO / "hf"), "download", "admin/memory"], server, environment)
    name = " ".join(["2 GiB, stock client", *(f"{key}={value}" for key, value in settings.items())])
    return f"| {name} | {peak.mib:.0f} |"


def _ours(folder: Path, source: Path) -> str:
    with _fresh(folder) as (work, server), Peak(server.pid) as peak:
        environment = client(server, work / "client")
        measure([str(TUKAR), "push", str(source), "admin/memory"], server, environment)
        measure([str(TUKAR), "pull", "admin/memory", "--to", str(work / "pulled")], server, environment)
        measure([str(TUKAR), "check"], server, environment)
    return f"| 2 GiB, tukar push, pull and check | {peak.mib:.0f} |"


def _large(folder: Path, layers: int) -> str:
    model = folder / "7b-shaped"
    shutil.rmtree(model, ignore_errors=True)
    model.mkdir()
    size = big_model(model, llama_shapes(layers=layers), shard_bytes=2 << 30)
    with _fresh(folder) as (work, server), Peak(server.pid) as peak:
        environment = client(server, work / "client")
        measure([str(DEMO / "hf"), "upload", "admin/large", str(model), "."], server, environment)
        urllib.request.urlopen(f"{server.url}/admin/large").read()
        measure([str(TUKAR), "pull", "admin/large", "--to", str(work / "pulled")], server, environment)
        measure([str(TUKAR), "check"], server, environment)
    shutil.rmtree(model)
    return f"| 7B-shaped, {layers} layers, {size / 1e9:.1f} GB: hf upload, page, tukar pull, check | {peak.mib:.0f} |"
