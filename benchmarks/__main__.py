"""Run all benchmarks: ``python -m benchmarks`` (or ``make bench``)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import interruptions, memory, swap, transfer


def main() -> int:
    """Measure, print, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="*", choices=["transfer", "memory", "swap", "interruptions", []], help="default: transfer"
    )
    parser.add_argument("--mib", type=int, default=1024, help="size of the model, in MiB (default 1024)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument(
        "--folder", type=Path, default=Path(".bench"), help="where to work; needs about six times the size"
    )
    parser.add_argument("--report", type=Path, help="write the tables there as Markdown")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        "transfer": transfer.run,
        "memory": memory.run,
        "swap": swap.run,
        "interruptions": interruptions.run,
    }
    report = "\n\n".join(wanted[name](options.folder.resolve(), options) for name in options.what or ["transfer"])
    print(report)
    if options.report:
        options.report.write_text(report + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
