"""Measure storage beside other tools, and write the page of it: ``python -m benchmarks.storage``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.storage import bound, coders, machine, measure, models, peers, report, store

_PARTS = ("coders", "bound", "store", "wire")


@dataclass
class Measured:
    """All that a run found, by part; what was not asked for is empty."""

    machine: dict[str, str]
    rounds: int
    missing: list[str] = field(default_factory=list)
    results: list[measure.Result] = field(default_factory=list)
    bounds: dict[str, dict[str, bound.Bound]] = field(default_factory=dict)
    sums: list[store.Sum] = field(default_factory=list)
    pulls: list[store.Pull] = field(default_factory=list)


def main() -> int:
    """Measure, print the tables, and write them into the documentation if all was measured."""
    options = _options()
    families = tuple(options.families.split(","))
    folder: Path = options.folder.resolve() / "work"
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    found = models.models(options.models, families)
    only = options.only.split(",")
    measured = Measured(machine.described(), options.rounds)
    try:
        _measure(measured, found, folder, only)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(asdict(measured), indent=1) + "\n")
    text = report.written(measured)
    print(text)
    if set(only) == set(_PARTS) and set(families) == set(models.FAMILIES):
        report.publish(text, measured)
    else:
        print("not all was measured, so the page stays as it is", file=sys.stderr)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each coder is measured (default 3)")
    parser.add_argument("--families", default=",".join(models.FAMILIES), help="separated by commas (default: all)")
    parser.add_argument("--only", default=",".join(_PARTS), help=f"of {','.join(_PARTS)} (default: all)")
    parser.add_argument("--json", type=Path, help="write what was measured there, too")
    parser.add_argument("--models", type=Path, default=Path(".bench/families"), help="what 'make families' made")
    parser.add_argument("--folder", type=Path, default=Path(".bench/storage"), help="where to work; needs 12 GB")
    return parser.parse_args()


def _measure(measured: Measured, found: list[models.Model], folder: Path, only: list[str]) -> None:
    if "store" in only or "wire" in only:
        measured.sums, measured.pulls = store.run(folder, found, only, say)
    if not {"coders", "bound"} & set(only):
        return
    measure.keep_to_one_processor()
    others, measured.missing = peers.peers(folder)
    chosen = [*coders.own(), *others]
    for model in found:
        tensors = models.tensors(model, models.parent_of(model, found))
        if "bound" in only and model.parents:
            say(f"{model.id}: entropy")
            linear = [tensor for tensor in tensors if tensor.is_linear]
            measured.bounds[model.id] = {"all": bound.bound(tensors), "linear": bound.bound(linear)}
        if "coders" in only:
            measured.results += measure.measure(model, tensors, chosen, measured.rounds, say)


_STARTED = time.monotonic()


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.monotonic() - _STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
