"""The entropy of what a difference coder of order 0 has to code, given what its decoder knows.

Floats are mapped to integers in their order; *d* is the child's minus the base's. The bound is H(*d* | exponent of the
base's element, tensor) in bits an element: no coder that chooses its tables by tensor and exponent alone can be
shorter, and it is granted its tables for nothing. A coder that knows more (rows, columns, neighbours) can.

What is counted is the empirical entropy. It is far too low where a context has hardly more elements than values that
*d* takes, as in F32. So there is an estimate as well: where the elements of a context would be fewer than 16 to a
value, as many low bits of *d* as it takes are left out and counted whole, as if they were noise; and half of a nat is
added for each value but one (G. Miller, Note on the bias of information estimates, 1955).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from benchmarks.storage.models import Tensor

_MANTISSAS = {"F16": 10, "BF16": 7, "F32": 23}
_WIDE = 8  # mean deviations that values spread over
_ENOUGH = 16  # elements to a value
_DENSE = 16  # bits of an element up to which all differences are counted, instead of sorted

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bound:
    """Bytes: as counted, and as estimated; and of how many raw ones."""

    raw: int = 0
    counted: float = 0.0
    estimated: float = 0.0

    def __add__(self, other: Bound) -> Bound:
        return Bound(self.raw + other.raw, self.counted + other.counted, self.estimated + other.estimated)


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
    contexts, values = exponents.astype(np.int64) - int(exponents.min()), differences.astype(np.int64)
    return Bound(tensor.known.size, counted(contexts, values, width) / 8, estimated(contexts, values, width) / 8)


def ordered(floats: npt.NDArray[np.unsignedinteger], width: int) -> npt.NDArray[np.unsignedinteger]:
    """Floats, given as the integers that have their bits, as integers in the order of the floats."""
    sign = floats.dtype.type(1 << (width - 1))
    return np.where(floats & sign, ~floats, floats | sign)


def counted(contexts: Counts, values: Counts, width: int) -> float:
    """Bits that ``values`` below 2^width take given their contexts, small integers."""
    return _bits(contexts, values, width)[0]


def estimated(contexts: Counts, values: Counts, width: int) -> float:
    """The same, of what these are a sample of."""
    centred = (values + (1 << (width - 1))) & ((1 << width) - 1)  # small differences of either sign beside each other
    sizes = np.maximum(np.bincount(contexts), 1)
    means = np.bincount(contexts, centred) / sizes
    spreads = np.bincount(contexts, np.abs(centred - means[contexts])) / sizes
    noise = np.ceil(np.log2(np.maximum(_WIDE * _ENOUGH * spreads / sizes, 1))).astype(np.int64)
    bits, distinct = _bits(contexts, centred >> noise[contexts], width)
    return bits + float((noise * np.bincount(contexts)).sum()) + distinct / 2 / log(2)


def _bits(contexts: Counts, values: Counts, width: int) -> tuple[float, int]:
    """Bits, and how many values there are beyond one in each context."""
    keys = (contexts << width) + values
    if width <= _DENSE:
        counts = np.bincount(keys)
        counts = counts[counts > 0]
    else:
        counts = np.unique(keys, return_counts=True)[1]
    sizes = np.bincount(contexts)
    sizes = sizes[sizes > 0]
    bits = float((sizes * np.log2(sizes)).sum()) - float((counts * np.log2(counts)).sum())
    return bits, len(counts) - len(sizes)
