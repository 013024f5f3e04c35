"""The zoo, and what tests of descent say of it.

python -m benchmarks.lineage zoo         trains what is missing, in an environment of requirements/families.txt
python -m benchmarks.lineage pairs       holds models against each other, in the hub's environment
python -m benchmarks.lineage published   judges the same pairs by statistics of published papers, and
python -m benchmarks.lineage peers       by other tools: both in the environment of requirements/lineage-peers.txt
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.families import text
from benchmarks.families.__main__ import INSTRUCTIONS
from benchmarks.lineage import zoo


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
    "published": Way("published", "-published", needed=("scipy",)),
    "peers": Way("peers", "-peers", 500, ("modeldna", "provenancekit", "torch", "weightscope")),  # they take longer
}


def main() -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lineage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["zoo", *WAYS])
    parser.add_argument("--out", type=Path, default=Path(".bench/zoo"), help="default: .bench/zoo")
    parser.add_argument("--families", type=int, default=zoo.TUNING + zoo.TESTING, help="of each architecture")
    parser.add_argument("--tuning", action="store_true", help="pairs of those families that tests may be tuned on")
    parser.add_argument("--children", type=int, help="pairs of strangers' children (default: 7000, of other tools 500)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="processes (default: as many as processors)"
    )
    options = parser.parse_args()
    return _zoo(options) if options.what == "zoo" else _pairs(options, WAYS[options.what])


def _zoo(options: argparse.Namespace) -> int:
    os.environ.update(INSTRUCTIONS)
    from benchmarks.lineage.making import made  # which loads torch

    wanted = [(name, number, options.out) for number in range(options.families) for name in zoo.ARCHITECTURES]
    text.paragraphs(options.out / "text.txt")  # before several want it
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, name in enumerate(pool.imap_unordered(made, wanted), 1):
            print(f"{time.monotonic() - began:6.0f} s  {done} of {len(wanted)}: {name}", flush=True)
    return 0


def _pairs(options: argparse.Namespace, way: Way) -> int:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # read when numpy and torch are loaded,
        os.environ[name] = "1"  # by the processes that are started, too
    if missing := [name for name in way.needed if find_spec(name) is None]:
        print(f"not installed: {', '.join(missing)}; make .venvs/lineage-peers/.stamp, and use it", file=sys.stderr)
        return 1
    from benchmarks.lineage import measure, pairs

    judge: measure.Judge = import_module(f"benchmarks.lineage.{way.module}").judge
    children = way.children if options.children is None else options.children
    tuned = min(zoo.TUNING, options.families)
    wanted = pairs.listed(range(tuned) if options.tuning else range(zoo.TUNING, options.families), children)
    path = options.out / f"{'tuning' if options.tuning else 'testing'}{way.suffix}.jsonl"
    began = time.monotonic()
    with path.with_suffix(".part").open("w") as file:
        for done, result in enumerate(measure.measured(options.out, wanted, options.workers, judge), 1):
            file.write(json.dumps(result) + "\n")
            if done % 100 == 0:
                print(f"{time.monotonic() - began:6.0f} s  {done} of {len(wanted)}", flush=True)
    path.with_suffix(".part").replace(path)
    print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
