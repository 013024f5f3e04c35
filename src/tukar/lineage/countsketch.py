"""Vectors in fewer coordinates, for models with more axes than are needed to tell neurons apart."""

from __future__ import annotations

from hashlib import shake_256
from typing import Final, TypeAlias

import numpy as np

from tukar.lineage.floats import Array

_SEED: Final = b"tukar-sketch-1"  # of the signs; any would do, and another makes other sketches of models


class CountSketch:
    """Each coordinate is the sum of some axes that are neighbours, with signs by chance: inner products stay what they
    are on average (M. Charikar, K. Chen and M. Farach-Colton, Finding frequent items in data streams, 2002). To make
    them takes ``rows @ sketch`` a fraction of the time that a matrix of random directions would.

    Attributes:
        shape: width and coordinates.
        size: how many axes go into a coordinate.
    """

    __array_ufunc__ = None  # numpy leaves ``rows @ sketch`` to the sketch

    def __init__(self, width: int, most: int) -> None:
        """Of so many axes, in as many coordinates at most."""
        self.size = -(-width // most)
        self.shape = width, -(-width // self.size)
        count = self.size * self.shape[1]
        # Not numpy's generators, which may draw otherwise in another version: sketches of models are kept for years.
        bits = np.unpackbits(np.frombuffer(shake_256(_SEED).digest(-(-count // 8)), np.uint8), count=count)
        self._signs = (1 - 2 * bits.astype(np.float32)).reshape(self.shape[1], self.size)

    def __rmatmul__(self, rows: Array) -> Array:
        """Rows by width to rows by coordinates."""
        return self.some(rows.T, 0).T

    def some(self, columns: Array, start: int) -> Array:
        """Some axes by vectors to coordinates by vectors.

        Args:
            start: the number of the first of these axes; it is a multiple of ``size``, and so are they, unless they are
                the last.
        """
        missing = -len(columns) % self.size
        if missing:
            columns = np.pad(columns, ((0, missing), (0, 0)))
        grouped = columns.reshape(-1, self.size, columns.shape[1])
        first = start // self.size
        made: Array = np.einsum("csv,cs->cv", grouped, self._signs[first : first + len(grouped)])
        return made


Axes: TypeAlias = "Array | CountSketch"
"""Width by coordinates: what vectors are multiplied by."""
