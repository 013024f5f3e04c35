"""The entropy of what a difference coder of order 0 has to code, given what its decoder knows.

Floats are mapped to integers in their order; *d* is the child's minus the base's. The bound is H(*d* | exponent of the
base's element, tensor) in bits an element: no coder that chooses its tables by tensor and exponent alone can be
shorter, and it is granted its tables for nothing. A coder that knows more (rows, columns, neighbours) can.

What is counted is the empirical entropy, which is too low where a context has hardly more elements than values that *d*
takes. The correction for that is Miller and Madow's (G. Miller, Note on the bias of information estimates, 1955): half
of a nat for each value but one, in each context.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from benchmarks.storage.models import Tensor

_MANTISSAS = {"F16": 10, "BF16": 7, "F32": 23}
_DENSE = 16  # bits of an element up to which all differences are counted, instead of sorted

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bound:
    """Bytes: as counted, and corrected; and of how many raw ones."""

    raw: int = 0
    counted: float = 0.0
    corrected: float = 0.0

    def __add__(self, other: Bound) -> Bound:
        return Bound(self.raw + other.raw, self.counted + other.counted, self.corrected + other.corrected)


def bounds(tensors: Iterable[Tensor]) -> dict[str, Bound]:
    """Of all together, and of the linear layers; without those that have no base, or that are not of floats."""
    found = {"all": Bound(), "linear": Bound()}
    for tensor in tensors:
        if _is_difference(tensor):
            one = _bound(tensor)
            found["all"] += one
            found["linear"] += one if tensor.is_linear else Bound()
    return found


def _is_difference(tensor: Tensor) -> bool:
    return tensor.known.base is not None and tensor.known.dtype in _MANTISSAS and tensor.known.size > 0


def _bound(tensor: Tensor) -> Bound:
    assert tensor.known.base is not None
    width = 32 if tensor.known.dtype == "F32" else 16
    base, child = (np.frombuffer(data, f"<u{width // 8}") for data in (tensor.known.base, tensor.raw))
    exponents = (base & ((1 << (width - 1)) - 1)) >> _MANTISSAS[tensor.known.dtype]
    differences = ordered(child, width) - ordered(base, width)
    counted, corrected = entropy(exponents.astype(np.int64), differences.astype(np.int64), width)
    return Bound(tensor.known.size, counted / 8, corrected / 8)


def ordered(floats: npt.NDArray[np.unsignedinteger], width: int) -> npt.NDArray[np.unsignedinteger]:
    """Floats, given as the integers that have their bits, as integers in the order of the floats."""
    sign = floats.dtype.type(1 << (width - 1))
    return np.where(floats & sign, ~floats, floats | sign)


def entropy(contexts: Counts, values: Counts, width: int) -> tuple[float, float]:
    """Bits that ``values`` below 2^width take given their contexts, small integers: as counted, and corrected."""
    contexts = contexts - contexts.min()
    keys = (contexts << width) + values
    if width <= _DENSE:
        counts = np.bincount(keys)
        pairs = np.flatnonzero(counts)
        counts = counts[pairs]
    else:
        pairs, counts = np.unique(keys, return_counts=True)
    of_contexts = np.bincount(contexts)
    bits = float((of_contexts[of_contexts > 0] * np.log2(of_contexts[of_contexts > 0])).sum())
    bits -= float((counts * np.log2(counts)).sum())
    distinct = len(pairs) - np.count_nonzero(of_contexts)
    return bits, min(bits + distinct / 2 / log(2), float(len(values) * width))
