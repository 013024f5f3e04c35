"""What can be tested without knowing an architecture: the order of the axes of the residual stream.

Whatever an architecture calls its matrices, most of them read the residual stream or write into it, and its axes are
exchangeable as neurons are: where they come from independent random values, each order of them is as likely. Not so
where something else tells axes apart, as positions that are sines of fixed frequencies do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

import numpy as np

from tukar.lineage import exact
from tukar.lineage.floats import Array
from tukar.lineage.frames import WIDE
from tukar.lineage.model import unit
from tukar.lineage.order import TESTS, Agreement, judged
from tukar.lineage.weights import Weights

_MATRICES: Final = 16  # that are looked at
_ROWS: Final = 512  # of each


def axes(a: Weights, b: Weights) -> Agreement | None:
    """The axes of A and B by the matrices that both have; None where there are no two that have a width in common.

    The p is for all tests together.
    """
    shared = [name for name in a if name in b and a.shape(name) == b.shape(name) and len(a.shape(name)) == 2]
    sizes = Counter(size for name in shared for size in set(a.shape(name)) if size > 1)
    if not sizes or (commonest := sizes.most_common(1)[0])[1] < 2:  # one matrix alone says nothing of what is what
        return None
    # The smallest: a vocabulary is not exchangeable, and is as common where all matrices are embeddings.
    width = min(size for size, count in sizes.items() if count == commonest[1])
    names = [name for name in shared if width in a.shape(name)]
    names = [names[place] for place in np.unique(np.linspace(0, len(names) - 1, _MATRICES).round().astype(int))]
    left, right = (np.concatenate([_along(weights, name, width) for name in names]) for weights in (a, b))
    found = judged(np.square(unit(_centred(left).T) @ unit(_centred(right).T).T).clip(0, 1))
    return replace(found, log10_p=exact.any_of([found.log10_p], TESTS))


def _along(weights: Weights, name: str, width: int) -> Array:
    """Some rows by the width, or the first axes of it, whichever way the matrix lies."""
    if weights.shape(name)[1] == width:
        return weights.read(name, 0, _ROWS, WIDE)
    return weights.read(name, 0, WIDE, _ROWS).T


def _centred(rows: Array) -> Array:
    centred: Array = rows - rows.mean(axis=1, keepdims=True)
    return centred
