"""The zoo, and what tests of descent say of it.

python -m benchmarks.lineage zoo         trains what is missing, in an environment of requirements/families.txt
python -m benchmarks.lineage pairs       holds models against each other, in the hub's environment
python -m benchmarks.lineage sketches    the same by sketches alone
python -m benchmarks.lineage real        the same for published models, which `make families` fine-tunes
python -m benchmarks.lineage nulls       looks whether exact p are valid
python -m benchmarks.lineage large       memory and time of two models of 7B; it needs 28 GB of disk
python -m benchmarks.lineage published   judges the pairs by statistics of published papers, and
python -m benchmarks.lineage peers       by other tools: both in the environment of requirements/lineage-peers.txt
python -m benchmarks.lineage report      writes docs/design/lineage.md, its picture and the null of the conformal p
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.families import text
from benchmarks.families.__main__ import INSTRUCTIONS
from benchmarks.lineage import zoo
from benchmarks.storage import machine


@dataclass(frozen=True, slots=True)
class Way:
    """How pairs are judged.

    Attributes:
        module: whose ``judge`` does it.
        suffix: of the name of the results' file.
        children: pairs of strangers' children, of each architecture, if it is not said.
        needed: what must be installed beside the hub's packages.
    """

    module: str
    suffix: str = ""
    children: int = 7000
    needed: tuple[str, ...] = ()


WAYS: Final = {
    "pairs": Way("measure"),
    "sketches": Way("sketches", "-sketches", 500),
    "published": Way("published", "-published", needed=("scipy",)),
    "peers": Way("peers", "-peers", 500, ("modeldna", "provenancekit", "torch", "weightscope")),  # they take longer
}

FAMILIES: Final = Path(".bench/families")
"""Where `make families` puts them."""

NULLS: Final = 10_000
"""Relabelled pairs."""


def main() -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lineage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=[*_VERBS, *WAYS])
    parser.add_argument("--out", type=Path, default=Path(".bench/zoo"), help="default: .bench/zoo")
    parser.add_argument("--into", type=Path, help="where results go (default: the same)")
    parser.add_argument("--families", type=int, default=zoo.TUNING + zoo.TESTING, help="of each architecture")
    parser.add_argument("--tuning", action="store_true", help="pairs of those families that tests may be tuned on")
    parser.add_argument("--children", type=int, help="pairs of strangers' children (default: 7000 for pairs, else 500)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="processes (default: as many as processors)"
    )
    parser.add_argument("--layers", type=int, default=32, help="of the large models (default 32)")
    options = parser.parse_args()
    options.into = options.into or options.out
    options.into.mkdir(parents=True, exist_ok=True)
    if options.what != "zoo":
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # read when numpy and torch are loaded,
            os.environ[name] = "1"  # by the processes that are started, too
    return _pairs(options, WAYS[options.what]) if options.what in WAYS else _VERBS[options.what](options)


def _zoo(options: argparse.Namespace) -> int:
    os.environ.update(INSTRUCTIONS)
    from benchmarks.lineage import scratch
    from benchmarks.lineage.making import made  # which loads torch

    wanted = [(name, number, options.out) for number in range(options.families) for name in zoo.ARCHITECTURES]
    text.paragraphs(options.out / "text.txt")  # before several want it
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, name in enumerate(pool.imap_unordered(made, wanted), 1):
            print(f"{time.monotonic() - began:6.0f} s  {done} of {len(wanted)}: {name}", flush=True)
    for name in scratch.FAMILIES:
        scratch.made((name, options.out))
        print(f"{time.monotonic() - began:6.0f} s  {name} from scratch", flush=True)
    return 0


def _pairs(options: argparse.Namespace, way: Way) -> int:
    if missing := [name for name in way.needed if find_spec(name) is None]:
        print(f"not installed: {', '.join(missing)}; make .venvs/lineage-peers/.stamp, and use it", file=sys.stderr)
        return 1
    from benchmarks.lineage import measure, pairs

    judge: measure.Judge = import_module(f"benchmarks.lineage.{way.module}").judge
    children = way.children if options.children is None else options.children
    tuned = min(zoo.TUNING, options.families)
    wanted = pairs.listed(range(tuned) if options.tuning else range(zoo.TUNING, options.families), children)
    path = options.into / f"{'tuning' if options.tuning else 'testing'}{way.suffix}.jsonl"
    return _kept(measure.measured(options.out, wanted, options.workers, judge), len(wanted), path)


def _nulls(options: argparse.Namespace) -> int:
    from benchmarks.lineage import nulls

    return _kept(nulls.measured(options.out, NULLS, options.workers), NULLS, options.into / "nulls.jsonl")


def _real(options: argparse.Namespace) -> int:
    from benchmarks.lineage import real

    return _kept(real.measured(FAMILIES, options.out), len(list(real.pairs())), options.into / "real.jsonl")


def _large(options: argparse.Namespace) -> int:
    from benchmarks.lineage import large

    found = large.measured(options.out / "large", options.layers)
    return _kept(found, len(large.CHILDREN), options.into / "large.jsonl")


def _report(options: argparse.Namespace) -> int:
    from benchmarks.lineage import report

    report.publish(options.out)
    return 0


def _kept(results: Iterable[dict[str, Any]], count: int, path: Path) -> int:
    """Written as they come, a line each; and beside them, what they were measured on and with."""
    began, facts = time.monotonic(), machine.described()
    with path.with_suffix(".part").open("w") as file:
        for done, result in enumerate(results, 1):
            file.write(json.dumps(result) + "\n")
            file.flush()
            if done % 100 == 0 or count < 100:
                print(f"{time.monotonic() - began:6.0f} s  {done} of {count}", flush=True)
    path.with_suffix(".part").replace(path)
    path.with_suffix(".facts.json").write_text(json.dumps(facts))
    print(f"written: {path}")
    return 0


_VERBS: Final = {"zoo": _zoo, "real": _real, "nulls": _nulls, "large": _large, "report": _report}


if __name__ == "__main__":
    sys.exit(main())
