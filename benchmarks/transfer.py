"""Pull and push of one large model, beside what the machine does without a hub.

- pull: ``tukar pull`` and ``hf download`` from the hub, beside ``curl`` from nginx to a file followed by ``sha256sum``.
- push: ``hf upload`` (through Xet) and ``tukar push`` (through LFS) into an empty hub, beside ``cp``, ``sync`` of the
  copy and ``sha256sum``.

Debian's ``sha256sum`` does not use the processor's SHA instructions, ``openssl dgst`` does: both are measured, so that
the comparison is not with a slow hash alone.

The source is in the page cache. In every round each is done once, in turn, so that a change of the machine's mood
meets all of them; the ratios are of the round, and what is reported is their median.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.processes import DEMO, TUKAR, Cost, Server, client, hub, measure, nginx
from tukar.testing.models import big_safetensors

REPOSITORY = "admin/bench"
NAME = "model.safetensors"
Rounds = dict[str, list[Cost]]


def run(folder: Path, options: argparse.Namespace) -> str:
    """Measure, and return the report as Markdown."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    size = make(source / NAME, options.mib)
    costs: Rounds = {}
    with nginx(source) as plain:
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            _round(folder, source, plain, costs)
    return _report(size, costs)


def make(path: Path, mib: int) -> int:
    """One file of bfloat16-like weights, in the page cache; its size in bytes."""
    rows = mib * (1 << 20) // 8 // 2 // 1024
    shapes = {f"model.layers.{layer}.mlp.up_proj.weight": ("BF16", (rows, 1024)) for layer in range(8)}
    size = big_safetensors(path, shapes)
    path.read_bytes()  # into the page cache
    return size


def _round(folder: Path, source: Path, plain: Server, costs: Rounds) -> None:
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()

    def note(name: str, cost: Cost) -> None:
        costs.setdefault(name, []).append(cost)

    model = str(source / NAME)
    copy = f"cp {model} {work}/copy && sync {work}/copy && sha256sum {work}/copy"
    note("cp + sync + sha256sum", measure(["sh", "-c", copy]))
    note("cp + sync + openssl", measure(["sh", "-c", copy.replace("sha256sum", "openssl dgst -sha256")]))
    with hub(work / "hub-lfs") as server:
        push = [str(TUKAR), "push", str(source), REPOSITORY]
        note("tukar push", measure(push, server, client(server, work / "push")))
    shutil.rmtree(work / "hub-lfs")
    with hub(work / "hub") as server:
        upload = [str(DEMO / "hf"), "upload", REPOSITORY, model, NAME]
        note("hf upload", measure(upload, server, client(server, work / "upload")))
        _pulls(work, server, plain, note)


def _pulls(work: Path, server: Server, plain: Server, note: Callable[[str, Cost], None]) -> None:
    fetch = f"curl -s -o {work}/fetched {plain.url}/{NAME} && sha256sum {work}/fetched"
    note("curl from nginx + sha256sum", measure(["sh", "-c", fetch], plain))
    fetch = fetch.replace("sha256sum", "openssl dgst -sha256")
    note("curl from nginx + openssl", measure(["sh", "-c", fetch], plain))
    pull = [str(TUKAR), "pull", REPOSITORY, "--to", str(work / "pulled")]
    note("tukar pull", measure(pull, server, client(server, work / "pull")))
    download = [str(DEMO / "hf"), "download", REPOSITORY, "--revision", "main"]
    note("hf download", measure(download, server, client(server, work / "download")))
    direct = f"curl -s -o {work}/direct -H 'Authorization: Bearer {client(server, work)['HF_TOKEN']}' "
    direct += f"{server.url}/{REPOSITORY}/resolve/main/{NAME} && sha256sum {work}/direct"
    note("curl from the hub + sha256sum", measure(["sh", "-c", direct], server))


PULL = (
    "curl from nginx + sha256sum",
    "curl from nginx + openssl",
    "curl from the hub + sha256sum",
    "tukar pull",
    "hf download",
)
PUSH = ("cp + sync + sha256sum", "cp + sync + openssl", "tukar push", "hf upload")


def _report(size: int, costs: Rounds) -> str:
    rounds = len(next(iter(costs.values())))
    head = f"{size / 1e9:.2f} GB of bfloat16-like weights in one file, {rounds} rounds, medians."
    return "\n\n".join([head, _table("pull", PULL, size, costs), _table("push", PUSH, size, costs)])


def _table(title: str, names: tuple[str, ...], size: int, costs: Rounds) -> str:
    lines = [
        f"| {title} | seconds | MB/s | CPU: client | CPU: server | speed against {names[0]} |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        mine = costs[name]
        ratio = median(base.wall / own.wall for base, own in zip(costs[names[0]], mine, strict=True))
        wall = median(cost.wall for cost in mine)
        cpu, server = median(cost.cpu for cost in mine), median(cost.server_cpu for cost in mine)
        lines.append(f"| {name} | {wall:.2f} | {size / wall / 1e6:.0f} | {cpu:.2f} | {server:.2f} | {ratio:.2f} |")
    return "\n".join(lines)
