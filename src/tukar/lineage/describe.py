"""Neurons by what no rotation of the residual stream changes, for models that have no vocabulary in common.

A neuron's vectors are measured by the neurons of all layers: for unit vectors v and w of it, and the second moment M of
all vectors of one kind in a layer, v M w is the same in all axes. Numbers are replaced by their rank among the neurons
of the block, so that what scales them all is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from tukar.lineage.floats import Array
from tukar.lineage.model import Neurons


def moments(blocks: Sequence[Neurons]) -> list[Array]:
    """The second moments of gates, ups and downs: of each block, then of all together; width by width."""
    each = [[rows.T @ rows / np.float32(max(len(rows), 1)) for rows in _vectors(block)] for block in blocks]
    together = [np.mean(kind, axis=0) for kind in zip(*each, strict=True)] if each else []
    return [moment for block in each for moment in block] + together


def described(neurons: Neurons, by: Sequence[Array]) -> Array:
    """Neurons by features, each from -0.5 to 0.5."""
    vectors = _vectors(neurons)
    features = []
    for moment in by:
        moved = [rows @ moment for rows in vectors]
        for one, other in combinations_with_replacement(range(len(vectors)), 2):
            # up and down may have changed their signs together
            features.append(np.abs((moved[one] * vectors[other]).sum(axis=1)))
    return _ranked(np.stack(features, axis=1))


def _vectors(neurons: Neurons) -> list[Array]:
    both = [neurons.up, neurons.down]
    return both if neurons.gate is None else [neurons.gate, *both]


def _ranked(values: Array) -> Array:
    ranks = values.argsort(axis=0).argsort(axis=0)
    made: Array = (ranks / max(len(values) - 1, 1) - 0.5).astype(np.float32)
    return made


def near(a: Array, b: Array) -> list[tuple[int, int]]:
    """Rows of A and of B that are each other's nearest."""
    distances = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2 * a @ b.T
    of_a, of_b = distances.argmin(axis=1), distances.argmin(axis=0)
    return [(i, int(j)) for i, j in enumerate(of_a) if of_b[j] == i]
