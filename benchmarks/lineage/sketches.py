"""The same pairs by sketches alone."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.lineage.measure import Result, as_weights, described
from benchmarks.lineage.pairs import Pair, net
from tukar.lineage.modelsketch import sketched
from tukar.lineage.trace import trace
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource


def judge(folder: Path, pair: Pair) -> Result:
    """A pair, and what its sketches say; seconds are those of the comparison alone."""
    a, b = (_kept(folder, pair.architecture, name) for name in (pair.a, pair.b))
    began = time.perf_counter()
    found = described(trace(a, b))
    return asdict(pair) | found | {"seconds": round(time.perf_counter() - began, 3)}


def _kept(folder: Path, architecture: str, name: str) -> Weights:
    return Weights([BytesSource(sketched(as_weights(net(folder, architecture, name))))])
