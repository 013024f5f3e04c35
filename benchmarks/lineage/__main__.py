"""Train the zoo: ``python -m benchmarks.lineage zoo``, in an environment of requirements/families.txt."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.families import text
from benchmarks.families.__main__ import INSTRUCTIONS
from benchmarks.lineage import zoo

ARCHITECTURES: Final = ("llama", "gpt2", "bert")


def main() -> int:
    """Make what is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lineage", description=__doc__)
    parser.add_argument("what", choices=["zoo"])
    parser.add_argument("--out", type=Path, default=Path(".bench/zoo"), help="default: .bench/zoo")
    parser.add_argument("--families", type=int, default=zoo.TUNING + zoo.TESTING, help="of each architecture")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="processes (default: as many as processors)"
    )
    options = parser.parse_args()
    os.environ.update(INSTRUCTIONS)
    from benchmarks.lineage.making import made  # which loads torch

    wanted = [(name, number, options.out) for number in range(options.families) for name in ARCHITECTURES]
    text.paragraphs(options.out / "text.txt")  # before several want it
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, name in enumerate(pool.imap_unordered(made, wanted), 1):
            print(f"{time.monotonic() - began:6.0f} s  {done} of {len(wanted)}: {name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
