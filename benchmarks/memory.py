"""Peak anonymous memory of the hub while large models go in and out.

A file of 2 GiB through the stock client (as it is, and with ``HF_XET_HIGH_PERFORMANCE=1``) and through ``tukar``; then
a 7B-shaped repository of several shards through push, pull, its page and a check; then a model that is one tensor of
2 GiB, and one that is tuned from it, are pushed, encoded anew, and pulled. The hub's memory is sampled twenty times a
second.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

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
    rows.append(_tuned(folder, options.mib))
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


def _tuned(folder: Path, mib: int) -> str:
    models = folder / "tuned"
    shutil.rmtree(models, ignore_errors=True)
    for name in ("base", "child"):
        (models / name).mkdir(parents=True)
    _write_pair(models / "base" / NAME, models / "child" / NAME, rows=mib * 32)
    with _fresh(folder) as (work, server), Peak(server.pid) as peak:
        environment = client(server, work / "client")
        for name in ("base", "child"):
            measure([str(TUKAR), "push", str(models / name), f"admin/{name}"], server, environment)
        measure([str(TUKAR), "repack", "--wait"], server, environment)
        stats = json.loads(subprocess.check_output([str(TUKAR), "stats", "--json"], env=environment))
        measure([str(TUKAR), "pull", "admin/child", "--to", str(work / "pulled")], server, environment)
        assert filecmp.cmp(work / "pulled" / NAME, models / "child" / NAME, shallow=False)
    shutil.rmtree(models)
    share = stats["stored_bytes"] / stats["raw_bytes"]
    return f"| two models of one tensor of {mib} MiB: tukar push, repack (to {share:.0%}) and pull | {peak.mib:.0f} |"


def _write_pair(base: Path, child: Path, rows: int) -> None:
    """Two safetensors files of one bf16 tensor of rows of 32 KiB; the second has small changes everywhere."""
    random = np.random.default_rng(0)
    shape = [rows, 1 << 14]
    header = json.dumps({"weight": {"dtype": "BF16", "shape": shape, "data_offsets": [0, rows << 15]}}).encode()
    header += b" " * (-len(header) % 8)
    with base.open("wb") as plain, child.open("wb") as tuned:
        for file in (plain, tuned):
            file.write(len(header).to_bytes(8, "little") + header)
        for _ in range(rows >> 5):
            weights = (random.standard_normal(1 << 19, np.float32) * 0.02).view(np.uint32) >> 16 << 16
            plain.write((weights >> 16).astype(np.uint16).tobytes())
            change = random.standard_normal(1 << 19, np.float32) * 2e-4
            tuned.write(((weights.view(np.float32) + change).view(np.uint32) >> 16).astype(np.uint16).tobytes())
