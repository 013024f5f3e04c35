"""What the numbers of a model are like: what rounding, quantising and pruning leave behind, and nothing undoes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mode
from typing import Final, TypeAlias

import numpy as np

from tukar.lineage.floats import Array
from tukar.lineage.weights import Weights

_MATRICES: Final = 12  # of a model that are looked at, and of each
_ROWS: Final = 64
_COLUMNS: Final = 1024
_GROUPS: Final = (32, 64, 128, 256)  # of quantised elements that have a scale of their own; or a whole row
_BITS: Final = {7: 4, 8: 4, 15: 4, 127: 8, 255: 8}  # by the largest level
_OFF: Final = 0.05  # of a step, from the nearest level, on the average; 0.25 where there are no levels
_MOST: Final = 0.9  # of the matrices that have to show something
_RARE: Final = 0.001  # of the elements, which may be anything
_UNUSUAL: Final = ("Q", "IQ", "TQ", "MXFP", "I8", "U8")  # what dtypes of quantised tensors begin with


Grid: TypeAlias = tuple[int, bool]
"""Evenly spaced levels: the largest one's number, and whether they begin at the least element of a group, or at 0."""


_COARSE: Final[Grid] = (15, True)  # whatever is at these levels
_FINE: Final[Grid] = (255, True)  # is at these as well


@dataclass(frozen=True, slots=True)
class Grain:
    """A model's numbers.

    Attributes:
        zeros: the share of elements that are 0.
        bits: of a mantissa, that are used: 23 in float32, 10 in float16, 7 in bfloat16.
        levels: bits of evenly spaced levels that elements are at, in groups; None where there are none.
        grids: all such levels that they are at: what was quantised to 8 bits after 4 is almost at those of 4 bits, too.
    """

    zeros: float
    bits: int
    levels: int | None
    grids: frozenset[Grid] = frozenset()


def grain(weights: Weights) -> Grain:
    """Of a sample of its matrices; embeddings, which are often kept as they are, count like others."""
    looked_at = [_of(values) for values in _sample(weights)]
    if not looked_at:
        return Grain(0.0, 23, None)
    declared = [name for name in weights if len(weights.shape(name)) >= 2 and _is_quantised(weights.dtype(name))]
    levels = [each.levels for each in looked_at if each.levels is not None]
    found = mode(levels) if len(levels) >= _MOST * len(looked_at) else None
    counted = Counter(grid for each in looked_at for grid in each.grids)
    if declared:
        found = found or (4 if any("4" in weights.dtype(name) for name in declared) else 8)
    return Grain(
        float(np.median([each.zeros for each in looked_at])),
        int(np.median([each.bits for each in looked_at])),
        found,
        frozenset(grid for grid, count in counted.items() if count >= _MOST * len(looked_at)),
    )


def anew(a: Grain, b: Grain) -> int | None:
    """To how many bits B was quantised, if it has such levels as A, and others that A has not."""
    if a.levels is None or a.levels != b.levels:
        return None
    return min((_BITS[top] for top, _ in b.grids - a.grids), default=None)


def _is_quantised(dtype: str) -> bool:
    return dtype.startswith(_UNUSUAL)


def _sample(weights: Weights) -> Iterator[Array]:
    names = [name for name in weights if len(weights.shape(name)) == 2 and min(weights.shape(name)) > 1]
    names = [name for name in names if weights.shape(name)[0] * weights.shape(name)[1] >= _ROWS]
    for place in np.unique(np.linspace(0, len(names) - 1, _MATRICES).round().astype(int)) if names else ():
        rows = min(weights.shape(names[place])[0], max(_GROUPS))
        yield weights.read(names[place], 0, rows, _COLUMNS)


def _of(values: Array) -> Grain:
    grids = {*_grids(values[:_ROWS]), *_grids(values[:, :_ROWS].T)}
    if _COARSE in grids:
        grids.discard(_FINE)
    levels = min((_BITS[top] for top, _ in grids), default=None)
    return Grain(float((values == 0).mean()), _bits(values), levels, frozenset(grids))


def _bits(values: Array) -> int:
    """How many bits of a mantissa almost all numbers have enough with."""
    mantissas = values.astype(np.float32).ravel().view(np.uint32) & 0x7FFFFF
    zeros = np.where(mantissas == 0, 23, np.log2((mantissas & -mantissas.astype(np.int64)).clip(1)).astype(int))
    return 23 - int(np.quantile(zeros, _RARE, method="lower"))


def _grids(rows: Array) -> Iterator[Grid]:
    for size in (*_GROUPS, rows.shape[1]):
        if rows.shape[1] % size or size < _GROUPS[0]:
            continue
        groups = rows.reshape(-1, size).astype(np.float64)
        groups = groups[np.ptp(groups, axis=1) > 0]
        if not len(groups):
            return
        low, most = groups.min(axis=1, keepdims=True), np.abs(groups).max(axis=1, keepdims=True)
        from_zero, from_least = groups / most, (groups - low) / np.ptp(groups, axis=1)[:, None]
        for top in _BITS:
            for is_from_least, shares in ((False, from_zero), (True, from_least)):
                if _is_even(shares * top):
                    yield top, is_from_least


def _is_even(levels: Array) -> bool:
    return float(np.abs(levels - levels.round()).mean()) < _OFF
