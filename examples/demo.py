"""The main job, from one end to the other: two hubs, a family of models, and a swap between them.

python examples/demo.py            # publish, ask, swap, pull back, verify, use; the exit status says whether all worked
python examples/demo.py --serve    # the same, then serve both hubs until Ctrl-C

It starts two hubs on loopback. *bahan* (Indonesian: material) has the base model, *bengkel* (workshop) the child that
was made from it; each publishes with the stock ``hf upload``. bahan asks for a model, bengkel offers the child for
the base, bahan accepts, and both sign the receipt. Both hubs store what they have as differences to relatives, as
they do by themselves after a while. Then everything is pulled back with ``snapshot_download``, what was swapped from
the hub that got it; every file's sha256 is compared, and base and child find English sentences for Indonesian ones.
The stock client is the one that pip installs; all it is told is HF_ENDPOINT, HF_TOKEN and a cache of its own. What an
earlier run did is found, not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import urllib.error
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stage import Client, Hub, files, free_port, sha256, size, step

HERE = Path(__file__).resolve().parent
MATERIAL, WORKSHOP = ("minilm", "minilm-bf16"), ("minilm-indonesian-lora", "minilm-indonesian")
GIVEN, TAKEN = "minilm-indonesian", "minilm-bf16"
WISH = "A MiniLM that finds English sentences for Indonesian ones"


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


def published(hub: Hub, repository: str, folder: Path) -> bool:
    """Whether the hub has just these files."""
    try:
        found = {file["path"]: file["sha256"] for file in hub.ask(f"/models/{repository}/sizes/main")["files"]}
    except urllib.error.HTTPError:
        return False
    return found == {path: sha256(folder / path) for path in files(folder)}


def publish(hub: Hub, client: Client, family: dict[str, Path], notes: Path) -> dict[str, float]:
    """Publish what the hub does not have, and note what each file added to the store; the seconds of what was sent."""
    seconds: dict[str, float] = {}
    sent: set[str] = set()
    for name, folder in family.items():
        repository = f"admin/{name}"
        before = frozenset(sent)
        sent |= {sha256(folder / path) for path in files(folder)}
        if published(hub, repository, folder) and (notes / f"{name}.json").exists():
            print(f"  ✓ {repository} is published on {hub.name} already")
            continue
        raw = sum((folder / path).stat().st_size for path in files(folder))
        with step(f"hf upload {repository} to {hub.name} ({size(raw)})") as timer:
            client.upload(repository, folder)
        there = hub.ask(f"/models/{repository}/sizes/main")["files"]
        added = {file["path"]: file["stored_bytes"] for file in there if file["sha256"] not in before}
        (notes / f"{name}.json").write_text(json.dumps({"stored": added}))
        seconds[name] = timer.seconds
    return seconds


def meet(one: Hub, other: Hub) -> None:
    """Make the two hubs peers: each operator is told the other's fingerprint, and adds it."""
    for near, far in ((one, other), (other, one)):
        if any(peer["name"] == far.name for peer in listed(near.tukar("peer", "list"))):
            continue
        fingerprint = fields(far.tukar("identity"))["fingerprint"]
        with step(f"{near.name}: tukar peer add {far.url}"):
            near.tukar("peer", "add", far.url, "--name", far.name, "--fingerprint", fingerprint)


def swap(asks: Hub, makes: Hub, evaluation: Path) -> dict[str, Any]:
    """A request, an offer that answers it, its acceptance; how the swap ended, as each hub says."""
    done = next((each for each in listed(asks.tukar("swap", "status")) if each["state"] == "published"), None)
    if done is None:
        wanted = ("--licence", "apache-2.0", "--evaluation", str(evaluation), "--metric", "top-1", "--at-least", "0.5")
        with step(f"{asks.name}: tukar request make '{WISH[:28]}…'"):
            asks.tukar("request", "make", WISH, *wanted)
        (request,) = listed(makes.tukar("request", "list", "--peer", asks.name))
        with step(f"{makes.name}: tukar swap offer {asks.name} --give … --take …"):
            offer = ("--give", f"admin/{GIVEN}", "--take", f"admin/{TAKEN}", "--request", request["id"])
            made = fields(makes.tukar("swap", "offer", asks.name, *offer))
            waiting: list[dict[str, Any]] = []
            while not waiting:
                waiting = listed(asks.tukar("swap", "inbox"))
        with step(f"{asks.name}: tukar swap accept {made['id'][:12]} --wait"):
            done = fields(asks.tukar("swap", "accept", made["id"], "--wait"))
        makes.tukar("swap", "status", made["id"], "--wait")
    else:
        print(f"  ✓ the swap {done['id'][:12]} was made already")
    return {hub.name: fields(hub.tukar("swap", "status", done["id"])) for hub in (asks, makes)}


def verify(hubs: Sequence[Hub], folder: Path) -> bool:
    """Save the receipt of either hub, and verify it with nothing but the two fingerprints."""
    known = {hub.name: fields(hub.tukar("identity"))["fingerprint"] for hub in hubs}
    good = True
    for hub in hubs:
        place = folder / hub.name
        shutil.rmtree(place, ignore_errors=True)
        hub.tukar("receipt", "show", f"admin/{GIVEN}", "--save", str(place))
        for receipt in sorted(place.iterdir()):
            keys = ("--offerer", known[hubs[1].name], "--acceptor", known[hubs[0].name])
            with step(f"tukar receipt verify {hub.name}/{receipt.name}"):
                hub.tukar("receipt", "verify", str(receipt), *keys)
        good = good and any(place.iterdir())
    return good


def pull(
    client: Client, names: Sequence[str], family: dict[str, Path], notes: Path, pushed: dict[str, float]
) -> tuple[list[Row], dict[str, Path]]:
    """Pull models into an empty cache and compare each file with what was published."""
    rows: list[Row] = []
    pulled: dict[str, Path] = {}
    for name in names:
        folder = family[name]
        with step(f"snapshot_download admin/{name} from {client.hub.name}") as timer:
            pulled[name] = client.download(f"admin/{name}")
        note = json.loads((notes / f"{name}.json").read_text())
        came = set(files(pulled[name]))
        for path in files(folder):
            same = path in came and sha256(pulled[name] / path) == sha256(folder / path)
            sizes = (folder / path).stat().st_size, note["stored"].get(path, 0)
            rows.append(Row(name, path, *sizes, pushed.get(name), timer.seconds, same))
    return rows, pulled


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


def wire(ended: dict[str, dict[str, Any]]) -> str:
    """What came to each hub in the swap, against whole downloads."""
    rule = f"  {'─' * 79}"
    lines = [f"  {'in the swap came to':34}{'files':>11}{'on the wire':>15}{'spared':>11}", rule]
    for name, swapped in ended.items():
        total, fetched = swapped["total_bytes"], swapped["fetched_bytes"]
        lines.append(f"  {name:34}{size(total):>11}{size(fetched):>15}{1 - fetched / total:>11.0%}")
    return "\n".join(lines)


def encode_anew(hubs: Sequence[Hub]) -> str:
    """Store tensors as differences, now and not within minutes; what the files of each hub take then."""
    rule = f"  {'─' * 79}"
    lines = [f"  {'all models of':34}{'files':>11}{'stored':>15}{'saved':>11}", rule]
    for hub in hubs:
        with step(f"{hub.name}: tukar repack --wait"):
            hub.tukar("repack", "--wait")
        taken = fields(hub.tukar("stats"))
        raw, stored = taken["raw_bytes"], taken["stored_bytes"]
        lines.append(f"  {hub.name:34}{size(raw):>11}{size(stored):>15}{1 - stored / raw:>11.0%}")
    return "\n".join(lines)


def demo(material: Hub, workshop: Hub, folder: Path) -> bool:
    """The whole of it; whether everything that was pulled equals what was published."""
    # Where other work goes on, two threads of OpenBLAS spend their time waiting for each other. Read when NumPy loads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import use_model
    from family import build, heldout, installed_base

    hubs = (material, workshop)
    with step("make the family from the base model and a trained adapter"):
        family = build(installed_base(), folder / "family")
    with step(f"start two hubs: {material.name} at {material.url}, {workshop.name} at {workshop.url}"):
        for hub in hubs:
            hub.wait()
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    pushed: dict[str, float] = {}
    for hub, names in ((material, MATERIAL), (workshop, WORKSHOP)):
        pushed |= publish(hub, Client(hub, folder / "cache"), {name: family[name] for name in names}, notes)
    meet(*hubs)
    ended = swap(material, workshop, HERE / "family" / "heldout.tsv")
    good = verify(hubs, folder / "receipts")
    saved = encode_anew(hubs)
    shutil.rmtree(folder / "pulled", ignore_errors=True)
    rows: list[Row] = []
    pulled: dict[str, Path] = {}
    for hub, names in ((material, ("minilm", GIVEN)), (workshop, ("minilm-indonesian-lora", TAKEN))):
        came, where = pull(Client(hub, folder / "pulled" / hub.name), names, family, notes, pushed)
        rows, pulled = rows + came, pulled | where
    print(f"\n{table(rows)}\n\n{wire(ended)}\n\n{saved}\n")
    pairs = heldout.read()
    with step("use what was pulled: find English sentences for Indonesian ones"):
        results = [use_model.search(pulled[name], pairs) for name in ("minilm", GIVEN)]
    print(f"\n{use_model.table(*results)}\n")
    return good and all(row.verified for row in rows)


def listed(value: object) -> list[dict[str, Any]]:
    """A command's answer that is a list."""
    assert isinstance(value, list)
    return value


def fields(value: object) -> dict[str, Any]:
    """A command's answer that is an object."""
    assert isinstance(value, dict)
    return value


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help="serve until Ctrl-C when all is done")
    parser.add_argument("--port", type=int, help="the first hub's port (default: 8080, or a free one if that is taken)")
    parser.add_argument("--folder", type=Path, default=HERE.parent / ".demo", help="where everything is kept")
    return parser.parse_args()


def main() -> int:
    """Run the demo; 0 if everything came back as it was."""
    options = _options()
    print("Tukar: two hubs, a family of models, and a swap\n")
    ports = kept_ports(options.folder, options.port)
    hubs = [Hub(name, options.folder / name, port) for name, port in zip(("bahan", "bengkel"), ports, strict=True)]
    try:
        verified = demo(hubs[0], hubs[1], options.folder)
        print("Every file came back as it was published." if verified else "Some files differ.")
        if options.serve:
            for hub in hubs:
                token = options.folder / hub.name / "token"
                print(f"\nLook at {hub.name}: {hub.url} and {hub.url}/exchange")
                print(f"Log in:  {hub.url}/login, with the token in {token}")
                print(f"Use it:  export HF_ENDPOINT={hub.url} HF_TOKEN=$(cat {token})")
            print("\nServing until Ctrl-C.", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("\nStopped. Everything is kept: the next run finds it.")
        return 0 if options.serve else 130
    finally:
        for hub in hubs:
            hub.stop()
    return 0 if verified else 1


def kept_ports(folder: Path, wanted: int | None) -> list[int]:
    """The ports of an earlier run, which the hubs know each other by; or others, where it is the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ports.json"
    if path.exists():
        ports: list[int] = json.loads(path.read_text())
    else:
        first = free_port(wanted)
        ports = [first, free_port(0 if wanted == 0 else first + 1)]
        path.write_text(json.dumps(ports))
    return ports


if __name__ == "__main__":
    sys.exit(main())
