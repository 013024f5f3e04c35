"""Sketches of tensors: little enough to keep of each, and enough to find its relatives by.

A sketch is a sample of elements, and for each of these whether it is smaller than another one of the sample. Training
moves weights by little, so that few of these comparisons come out differently; of strangers half of them do, whatever
their weights look like: also where all are positive, or nearly alike. (Compare locality-sensitive hashing by orders:
J. Yagnik et al., The power of comparative reasoning, ICCV 2011.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tukar.codecs.base import TensorView
from tukar.codecs.context.elements import KINDS, Kind

if TYPE_CHECKING:
    import numpy as np

SAMPLES: Final = 256
"""Elements of a sample."""
SMALLEST: Final = 4 << 10
"""Bytes of a tensor that is worth it: what describes a difference would take a part of what it saves."""

_RUNS: Final = 8
_STRANGE: Final = 0.35  # of the comparisons come out differently: of strangers it is half, with a deviation of 3 %


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of a tensor.

    Attributes:
        kind: the code of its elements; only tensors of the same kind and size are compared.
        size: its bytes.
        orders: ``SAMPLES`` bits.
        sample: the elements, as they are in the tensor.
    """

    kind: int
    size: int
    orders: bytes
    sample: bytes


def sketch(tensor: TensorView) -> Sketch | None:
    """The sketch of a tensor; None for one that is too small, or of whose elements nothing is known."""
    kind, size = KINDS.get(tensor.dtype or ""), tensor.data.size
    if kind is None or size < SMALLEST or size % (kind.width // 8):
        return None
    width = kind.width // 8
    length = SAMPLES // _RUNS * width
    starts = ((size - length) // width * run // (_RUNS - 1) * width for run in range(_RUNS))
    sample = b"".join(tensor.data.read(start, start + length) for start in starts)
    return Sketch(kind.code, size, _orders(kind, sample), sample)


def _orders(kind: Kind, sample: bytes) -> bytes:
    import numpy as np

    ordered = _ordered(kind, sample)
    return np.packbits(ordered < ordered[_partners()]).tobytes()


def _partners() -> Any:
    """For each element of a sample another one, the same for all tensors: an odd step leads through all of them."""
    import numpy as np

    return (np.arange(SAMPLES) * 101 + 37) % SAMPLES


def _ordered(kind: Kind, sample: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Elements as integers in the same order: a step is an ulp."""
    import numpy as np

    values = np.frombuffer(sample, kind.dtype).astype(np.int64)
    top = 1 << (kind.width - 1)
    if kind.is_float:
        return np.where(values >= top, top - 1 - values, values)
    return values


@dataclass(frozen=True, slots=True)
class Relative:
    """A tensor that is likely to be related to another one.

    Attributes:
        owner: what its sketch was put on the shelf as.
        bits: that the differences of the sampled elements have, on average: a difference takes about as many, and few
            more, for each element.
    """

    owner: int
    bits: float


class Shelf:
    """Sketches of tensors of one kind and size, among which relatives are looked for.

    Args:
        most: sketches that it holds; the oldest makes room for another one.
    """

    def __init__(self, kind: Kind, most: int) -> None:
        self._kind, self._most = kind, most
        self._owners: list[int] = []
        self._samples: list[bytes] = []
        self._orders = bytearray()  # of all, one after the other
        self._oldest = 0

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, owner: int, sketch: Sketch) -> None:
        """Put the sketch of a tensor beside the others; ``owner`` is what it is found as."""
        if len(self) < self._most:
            self._owners.append(owner)
            self._samples.append(sketch.sample)
            self._orders += sketch.orders
            return
        place, width = self._oldest, len(sketch.orders)
        self._owners[place], self._samples[place] = owner, sketch.sample
        self._orders[place * width : (place + 1) * width] = sketch.orders
        self._oldest = (place + 1) % self._most

    def nearest(self, sketch: Sketch, count: int, leave_out: frozenset[int] = frozenset()) -> list[Relative]:
        """Those that are likely relatives, at most ``count``, the nearest first.

        What comparisons leave is ranked by the bits that a difference would take.
        """
        import numpy as np

        if not self._owners:
            return []
        orders = np.frombuffer(self._orders, np.uint64).reshape(len(self._owners), -1)
        own = np.frombuffer(sketch.orders, np.uint64)
        differing = np.bitwise_count(orders ^ own).sum(axis=1)
        likely = np.flatnonzero(differing <= _STRANGE * SAMPLES)
        likely = likely[np.argsort(differing[likely], kind="stable")][: 16 * count]
        mine = _ordered(self._kind, sketch.sample)
        costs = []
        for place in likely:
            if self._owners[place] not in leave_out:
                away = np.abs(mine - _ordered(self._kind, self._samples[place]))
                costs.append((float(np.log2(1.0 + away).mean()), int(place)))
        return [Relative(self._owners[place], cost) for cost, place in sorted(costs)[:count]]
