"""A pair of the shapes of a 7B model with random weights, written piece by piece: for memory and time, not for rates.

The child is the parent after a change of every weight, its neurons in the parent's order or in another; a stranger has
weights of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from benchmarks.memory import Peak
from benchmarks.processes import TUKAR
from tukar.formats.safetensors import safetensors_header
from tukar.lineage.floats import Array
from tukar.testing.models import llama_shapes

Kind = Literal["parent", "tuned", "permuted", "stranger"]

CHILDREN: Final[tuple[Kind, ...]] = ("tuned", "permuted", "stranger")
_SIZE: Final = np.float32(0.02)  # the deviation of a weight
_CHANGE: Final = np.float32(0.3)  # of it, by the child
_AT_ONCE: Final = 1 << 24  # elements


def measured(folder: Path, layers: int) -> Iterator[dict[str, Any]]:
    """Each child beside the parent, by one thread: the verdict, the largest memory in MiB, and seconds; by weights, and
    by sketches: how large one is in bytes, seconds to write it, and the verdict and seconds of the comparison.
    """
    write(folder / "parent", "parent", layers)
    sketches = {"parent": _run(folder, "sketch", "parent", "parent.sketch")}
    for kind in CHILDREN:
        write(folder / kind, kind, layers)
        by_weights = _run(folder, "trace", "parent", kind)
        sketches[kind] = _run(folder, "sketch", kind, f"{kind}.sketch")
        by_sketches = _run(folder, "trace", "parent.sketch", f"{kind}.sketch")
        shutil.rmtree(folder / kind)
        told = {name: by_weights.found[name] for name in ("verdict", "log10_p_exact", "score")}
        yield {
            "kind": kind,
            "layers": layers,
            "mib": by_weights.mib,
            "seconds": by_weights.seconds,
            **told,
            "sketch": {
                "size": sketches[kind].found["size"],
                "written": sketches[kind].seconds,
                "seconds": by_sketches.seconds,
                **{name: by_sketches.found[name] for name in ("verdict", "log10_p_exact")},
            },
        }
    shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a command found, the largest memory in MiB, and how long it took."""

    found: Mapping[str, Any]
    mib: int
    seconds: float


def _run(folder: Path, command: str, a: str, b: str) -> _Ran:
    began = time.perf_counter()
    told = [str(TUKAR), command, str(folder / a), str(folder / b), "--json"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(told, stdout=subprocess.PIPE, env=environment) as process, Peak(process.pid) as peak:
        assert process.stdout is not None
        found = json.load(process.stdout)
    return _Ran(found, round(peak.mib), round(time.perf_counter() - began, 1))


def write(folder: Path, kind: Kind, layers: int) -> None:
    """One of them as ``model.safetensors``, in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = llama_shapes(layers)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(safetensors_header(shapes))
        for number, (name, (_, shape)) in enumerate(shapes.items()):
            for values in _values(kind, number, name, shape):
                file.write(((values.view(np.uint32) + 0x8000) >> 16).astype(np.uint16).tobytes())


def _values(kind: Kind, number: int, name: str, shape: tuple[int, ...]) -> Iterator[Array]:
    if len(shape) == 1:
        yield np.ones(shape, np.float32)
        return
    rows, columns = shape
    step = max(_AT_ONCE // columns, 1)
    order = _order(kind, name, max(shape))
    for start in range(0, rows, step):
        wanted: Sequence[int] = range(start, min(start + step, rows))
        if order is not None and rows == len(order):
            wanted = order[start : start + step].tolist()
        values = _rows(number, wanted, columns, is_other=kind == "stranger")
        if order is not None and columns == len(order):
            values = values[:, order]
        if kind in ("tuned", "permuted"):
            chance = np.random.default_rng([number, start, 7])
            values += _CHANGE * _SIZE * chance.standard_normal(values.shape, dtype=np.float32)
        yield np.ascontiguousarray(values)


def _order(kind: Kind, name: str, neurons: int) -> Array | None:
    """Of a layer's neurons; its three matrices have the same."""
    layer = re.search(r"layers\.(\d+)\.mlp", name)
    if kind != "permuted" or layer is None:
        return None
    return np.random.default_rng([int(layer[1]), 9]).permutation(neurons)


def _rows(number: int, rows: Sequence[int], columns: int, *, is_other: bool) -> Array:
    """Rows that are the same whichever others are asked for."""
    chances = (np.random.default_rng([number, row, int(is_other)]) for row in rows)
    drawn: Array = _SIZE * np.stack([chance.standard_normal(columns, dtype=np.float32) for chance in chances])
    return drawn
