"""What the kernels work on: the values that the stream is made of, and their bounds (docs/format/context.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tukar.codecs.base import Buffer
from tukar.codecs.context.elements import Kind

PROB_BITS: Final = 12
PROB: Final = 1 << PROB_BITS
MAX_LANES: Final = 64
ESCAPE: Final = 255
"""The symbol that stands for itself and all larger tokens."""
NO_ESCAPE: Final = 256

LEVELS: Final = 32
SCALES: Final = 64
"""Scales of rows, and of columns, are below it; sums of the two below ``ROW``."""
ROW: Final = 2 * SCALES
CELLS: Final = LEVELS * ROW
MAX_TABLES: Final = 64
MAX_SHIFT: Final = 24
MAX_COLUMNS: Final = 1 << 17

Array: TypeAlias = npt.NDArray[Any]

CODING: Final = np.dtype([("reciprocal", "<u8"), ("frequency", "<u4"), ("first", "<u4")])
"""How a table codes a symbol: the reciprocal of its frequency as a fraction of 2^64, and its first slot."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What is the same for all blocks of a tensor.

    Attributes:
        cells: uint16, ``CELLS + 1``: [level][row's scale + column's scale]: table | raw low bits << 8.
        tables: uint32, [table][slot]: symbol | (frequency - 1) << 8 | (slot - first slot of the symbol) << 20.
        row_table: one such table for the scales of rows; None without columns.
        column_scales: uint8, one a column; None without columns.
    """

    cells: Array
    tables: Array
    row_table: Array | None
    column_scales: Array | None


@dataclass(frozen=True, slots=True)
class Model:
    """What coding a block takes besides its elements.

    Attributes:
        top_class: the class of the elements of the base that are on level 0.
        columns: elements of a row; 0 if there are no scales.
        column: that of the block's first element.
        row_scales: uint8, of the rows that the block is part of.
    """

    kind: Kind
    is_delta: bool
    top_class: int
    lanes: int
    tables: Tables
    columns: int = 0
    column: int = 0
    row_scales: Array | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """A coded block.

    Attributes:
        states: 4 bytes a lane.
        words: 16 bits each, in the order in which the states take them.
        raw: low bits, the lowest first.
        escaped: what tokens are above ``ESCAPE``, as wide as an element each.
    """

    states: Buffer
    words: Buffer
    raw: Buffer
    escaped: Buffer


@dataclass(frozen=True, slots=True)
class Plan:
    """Tables that were fitted to a histogram.

    Attributes:
        written: as they are stored.
        count: how many.
        levels: how many levels of cells are written.
        first, last: the scales of cells that are.
        codings: ``CODING``, 256 a table; None of a plan that was read.
    """

    written: bytes
    count: int
    levels: int
    first: int
    last: int
    codings: Array | None = None


class Kernel(Protocol):
    """The work on elements. Arrays are contiguous; those of elements are unsigned, as wide as the kind's."""

    name: str

    def open(self, data: bytes, plan: Plan, columns: int, offset: int, most_shift: int) -> Tables:
        """Read tables. Corrupt if they are not well-formed."""

    def read_scales(self, data: Buffer, table: Array, count: int) -> Array:
        """Read scales that ``write_scales`` wrote. Corrupt if they are not well-formed."""

    def decode(self, base: Array | None, size: int, model: Model, parts: Parts) -> memoryview:
        """The bytes of ``size`` elements. Corrupt if the parts are not those of such a block."""

    def encode(self, base: Array | None, values: Array, model: Model, codings: Array) -> Parts:
        """Code elements."""

    def measure(self, base: Array, values: Array, model: Model, rows: Array, columns: Array) -> None:
        """Add up how far elements are from their base, in ulps of level 0: float64 by row, float32 by column."""

    def count(self, base: Array | None, values: Array, model: Model, scales: int, histogram: Array) -> None:
        """Count symbols by place: histogram[level * scales + scale][symbol], uint32."""

    def plan(self, histogram: Array, scales: int, most: int) -> Plan:
        """Fit at most ``most`` tables to a histogram."""

    def plan_scales(self, scales: Array) -> Plan:
        """Fit a table to scales."""

    def write_scales(self, scales: Array, codings: Array) -> bytes:
        """Code scales."""
