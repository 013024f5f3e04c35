"""Measure storage beside other tools, and write the page of it: ``python -m benchmarks.storage``."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.families.files import replace
from benchmarks.storage import bound, coders, machine, measure, models, peers, report, store, two

_PARTS = ("coders", "bound", "two", "store", "wire")


@dataclass
class Measured:
    """All that a run found, by part; what was not asked for is empty."""

    machine: dict[str, str]
    rounds: int
    missing: list[str] = field(default_factory=list)
    results: list[measure.Result] = field(default_factory=list)
    bounds: dict[str, dict[str, bound.Bound]] = field(default_factory=dict)
    twos: list[two.Two] = field(default_factory=list)
    sums: list[store.Sum] = field(default_factory=list)
    pulls: list[store.Pull] = field(default_factory=list)


def main() -> int:
    """Measure, print the tables, and write them into the documentation if all was measured."""
    options = _options()
    for each in (signal.SIGINT, signal.SIGTERM):  # in the background, too: a hub may be running
        signal.signal(each, signal.default_int_handler)
    families = tuple(options.families.split(","))
    folder: Path = options.folder.resolve() / "work"
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    found = models.models(options.models, families)
    only = options.only.split(",")
    measured = Measured(machine.described(), options.rounds)
    try:
        for _ in _steps(measured, found, folder, only, options.coders):
            if options.json:
                replace(options.json, (json.dumps(asdict(measured), indent=1) + "\n").encode())
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = report.written(measured)
    print(text)
    if set(only) == set(_PARTS) and set(families) == set(models.FAMILIES) and not options.coders:
        report.publish(text, measured)
    else:
        print("not all was measured, so the page stays as it is", file=sys.stderr)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each coder is measured (default 3)")
    parser.add_argument("--families", default=",".join(models.FAMILIES), help="separated by commas (default: all)")
    parser.add_argument("--only", default=",".join(_PARTS), help=f"of {','.join(_PARTS)} (default: all)")
    parser.add_argument("--coders", nargs="+", default=[], help="those whose names contain one of these (default: all)")
    parser.add_argument("--json", type=Path, help="write what was measured there, too, as it comes")
    parser.add_argument("--models", type=Path, default=Path(".bench/families"), help="what 'make families' made")
    parser.add_argument("--folder", type=Path, default=Path(".bench/storage"), help="where to work; needs 12 GB")
    return parser.parse_args()


def _steps(
    measured: Measured, found: list[models.Model], folder: Path, only: list[str], names: list[str]
) -> Iterator[None]:
    """Measure; something new has been found with each step."""
    if "store" in only or "wire" in only:
        measured.sums, measured.pulls = store.run(folder, found, only, say)
        yield
    if not {"coders", "bound", "two"} & set(only):
        return
    measure.keep_to_one_processor()
    others, measured.missing = peers.peers(folder)
    chosen = [coder for coder in (*coders.own(), *others) if not names or _is_one(coder.name, names)]
    for model in found:
        tensors = models.tensors(model, models.parent_of(model, found))
        if "bound" in only and model.parents:
            say(f"{model.id}: entropy")
            measured.bounds[model.id] = bound.bounds(tensors)
        if "coders" in only:
            measured.results += measure.measure(model, tensors, chosen, measured.rounds, say)
        if "two" in only:
            measured.twos += two.measure(model, tensors, chosen, measured.rounds, say)
        yield


def _is_one(name: str, wanted: list[str]) -> bool:
    return any(each.lower() in name.lower() for each in wanted)


_STARTED = time.monotonic()


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.monotonic() - _STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
