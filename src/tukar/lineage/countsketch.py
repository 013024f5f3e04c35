"""Vectors in fewer coordinates, for models with more axes than are needed to tell neurons apart."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from tukar.lineage.floats import Array

_SEED: Final = 1  # of the signs; any would do


class CountSketch:
    """Each coordinate is the sum of some axes that are neighbours, with signs by chance: inner products stay what they
    are on average (M. Charikar, K. Chen and M. Farach-Colton, Finding frequent items in data streams, 2002). To make
    them takes ``rows @ sketch`` a fraction of the time that a matrix of random directions would.

    Attributes:
        shape: width and coordinates.
    """

    __array_ufunc__ = None  # numpy leaves ``rows @ sketch`` to the sketch

    def __init__(self, width: int, most: int) -> None:
        """Of so many axes, in as many coordinates at most."""
        self._size = -(-width // most)
        self._signs = np.random.default_rng(_SEED).choice([-1, 1], width).astype(np.float32)
        self.shape = width, -(-width // self._size)

    def __rmatmul__(self, rows: Array) -> Array:
        """Rows by width to rows by coordinates."""
        made: Array = np.add.reduceat(rows * self._signs, np.arange(0, self.shape[0], self._size), axis=1)
        return made


Axes: TypeAlias = "Array | CountSketch"
"""Width by coordinates: what vectors are multiplied by."""
