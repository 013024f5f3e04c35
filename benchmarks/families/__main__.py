"""Make the model families: ``python -m benchmarks.families``, in an environment of requirements/families.txt."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "safetensors", "tokenizers", "jinja2", "mpmath", "networkx", "sympy")

# Read when torch is loaded. Every CPU with AVX2 then runs the same kernels; wider ones would round differently.
INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def main() -> int:
    """Make what is missing of the families that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families", description=__doc__)
    parser.add_argument("family", nargs="*", choices=["minilm", "llm", []], help="default: all")
    parser.add_argument("--out", type=Path, default=Path(".bench/families"), help="default: .bench/families")
    options = parser.parse_args()
    os.environ.update(INSTRUCTIONS)
    for name in options.family or ["minilm", "llm"]:
        _make(name, options.out)
    return 0


def _make(name: str, out: Path) -> None:
    from benchmarks.families import text
    from benchmarks.families.family import Workshop
    from benchmarks.families.llm import Llm
    from benchmarks.families.minilm import MiniLm

    found = circumstances()
    paragraphs = text.paragraphs(out / "text.txt")
    family = MiniLm(paragraphs) if name == "minilm" else Llm(paragraphs)
    Workshop(family, out / name, found).make()


def circumstances() -> dict[str, Any]:
    """Let torch give the same bits again, as far as it does, and say what else they depend on."""
    import torch

    from benchmarks.families import text

    # Sums are taken in another order with more threads. Two families can be made at once, by two processes.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    return {
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "text_sha256": text.DIGEST,
    }


if __name__ == "__main__":
    sys.exit(main())
