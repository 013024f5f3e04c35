"""What the tests say of each pair, a line of JSON each."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lineage.net import Net, written
from benchmarks.lineage.pairs import Pair, net
from tukar.formats.safetensors import safetensors_header
from tukar.lineage.floats import Array
from tukar.lineage.model import Model, opened
from tukar.lineage.trace import Trace, trace
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource

Result = dict[str, Any]
"""A pair, and: verdict; log10_p; score; direction; changes; seconds."""


Judge = Callable[[Path, Pair], Result]


def measured(folder: Path, pairs: Sequence[Pair], workers: int, judge: Judge) -> Iterator[Result]:
    """What a function says of each pair, in their order."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(partial(judge, folder), pairs, chunksize=8)


def judge(folder: Path, pair: Pair) -> Result:
    """A pair, and what the tests say of it."""
    began = time.perf_counter()
    return (
        asdict(pair)
        | tested(*(net(folder, pair.architecture, name) for name in (pair.a, pair.b)))
        | {"seconds": round(time.perf_counter() - began, 3)}
    )


def tested(a: Net, b: Net) -> Result:
    """What the tests say of two models."""
    return described(trace(as_weights(a), as_weights(b)))


def described(found: Trace) -> Result:
    """A trace, as far as it is counted."""
    return {
        "verdict": found.verdict,
        "log10_p": None if found.log10_p is None else round(found.log10_p, 2),
        "score": None if found.score is None else round(found.score, 4),
        "direction": found.direction,
        "changes": [change.kind for change in found.changes],
    }


def model(made: Net) -> Model:
    """As it is read from a file."""
    found = opened(as_weights(made))
    assert found is not None
    return found


def as_weights(made: Net) -> Weights:
    """The same before it is recognised."""
    tensors = {name: np.ascontiguousarray(values, np.float32) for name, values in written(made).items()}
    return Weights([BytesSource(file(tensors))])


def file(tensors: dict[str, Array]) -> bytes:
    """Of safetensors."""
    shapes = {name: ("F32", values.shape) for name, values in tensors.items()}
    return safetensors_header(shapes) + b"".join(values.tobytes() for values in tensors.values())
