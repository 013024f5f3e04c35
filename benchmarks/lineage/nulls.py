"""Whether exact p are valid: pairs whose neurons and residual axes were put into an order drawn by chance.

That is the null hypothesis itself, whatever the two models have in common: of p up to x there may be a share of x at
most. Half of the pairs are kin, and alike but for the order; half are strangers.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.lineage import zoo
from benchmarks.lineage.changes import permute_axes, permute_neurons
from benchmarks.lineage.measure import model
from benchmarks.lineage.pairs import net
from tukar.lineage.order import compare

LEVELS: Final = (0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0001)
_CHILDREN: Final = ("tuned", "adapted", "more", "base+int4", "base+half of the neurons", "base+layers doubled")


def measured(folder: Path, count: int, workers: int) -> Iterator[dict[str, Any]]:
    """So many relabelled pairs of the testing families, always the same."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_relabelled, ((folder, number) for number in range(count)), chunksize=16)


def _relabelled(given: tuple[Path, int]) -> dict[str, Any]:
    folder, number = given
    chance = np.random.default_rng([2026, number])
    architecture = zoo.ARCHITECTURES[number % len(zoo.ARCHITECTURES)]
    one, other = chance.choice(range(zoo.TUNING, zoo.TUNING + zoo.TESTING), 2, replace=False)
    is_kin = bool(chance.integers(2))
    name = f"{one if is_kin else other:02}/{chance.choice(_CHILDREN)}"
    a, b = net(folder, architecture, f"{one:02}/base"), net(folder, architecture, name)
    b = permute_axes(permute_neurons(b, chance), chance)
    found = compare(model(a), model(b))
    return {"architecture": architecture, "a": f"{one:02}/base", "b": name, "kin": is_kin, "log10_p": found.log10_p}
