"""A gift of one large model from hub to hub, beside ``curl`` from nginx to a file followed by ``sha256sum``.

Measured is ``tukar swap accept --wait`` on the hub that gets the model: the transfer into quarantine, every block and
the sha256 of the file verified, the pauses between the words of both hubs, both signatures, and publication. The hubs
look at their swaps every 0.1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from pathlib import Path
from statistics import median

from benchmarks.processes import TUKAR, Cost, Server, client, hub, measure, nginx
from benchmarks.transfer import NAME, REPOSITORY, make

Rounds = dict[str, list[Cost]]


def run(folder: Path, options: argparse.Namespace) -> str:
    """Measure, and return the report as Markdown."""
    os.environ["TUKAR_SWAP_PAUSE"] = "0.1"
    source = folder / "source"
    source.mkdir(exist_ok=True)
    size = make(source / NAME, options.mib)
    costs: Rounds = {}
    with nginx(source) as plain:
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            _round(folder / "swap", source, plain, costs)
    return _report(size, costs)


def _round(work: Path, source: Path, plain: Server, costs: Rounds) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name, tool in (("sha256sum", "sha256sum"), ("openssl", "openssl dgst -sha256")):
        fetch = f"curl -s -o {work}/fetched {plain.url}/{NAME} && {tool} {work}/fetched"
        costs.setdefault(f"curl from nginx + {name}", []).append(measure(["sh", "-c", fetch], plain))
    with hub(work / "giver") as giver, hub(work / "taker") as taker:
        _say(giver, "push", str(source), REPOSITORY)
        for near, far, name in ((giver, taker, "taker"), (taker, giver, "giver")):
            fingerprint = _say(far, "identity")["fingerprint"]
            _say(near, "peer", "add", far.url, "--name", name, "--fingerprint", fingerprint)
        swap = _say(giver, "swap", "offer", "taker", "--give", REPOSITORY)["id"]
        while not _say(taker, "swap", "inbox"):
            pass
        accept = [str(TUKAR), "swap", "accept", swap, "--wait"]
        costs.setdefault("swap between two hubs", []).append(measure(accept, taker, client(taker, work / "taker-home")))


def _say(server: Server, *arguments: str) -> dict[str, str]:
    environment = os.environ | client(server, Path("/nonexistent"))
    command = [str(TUKAR), *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _report(size: int, costs: Rounds) -> str:
    lines = [
        f"{size / 1e9:.2f} GB of bfloat16-like weights in one file, {len(next(iter(costs.values())))} rounds, medians.",
        "",
        "| from one machine to another | seconds | MB/s | speed against curl from nginx + sha256sum |",
        "|---|---|---|---|",
    ]
    base = costs["curl from nginx + sha256sum"]
    for name, mine in costs.items():
        ratio = median(one.wall / own.wall for one, own in zip(base, mine, strict=True))
        wall = median(cost.wall for cost in mine)
        lines.append(f"| {name} | {wall:.2f} | {size / wall / 1e6:.0f} | {ratio:.2f} |")
    return "\n".join(lines)
