"""What an encoder chooses: scales of rows and columns, raw bits and tables. Decoders do as the stream says.

A tensor is gone through twice before it is coded. First, how far its rows and columns are from the base's: their means
as steps of half an octave are the scales. Then, how often each cell has each symbol: a cell is the exponent of the
base's element and the sum of the scales of its row and its column. Both together say how large a difference is to be
expected, so cells differ in how many low bits are stored as they are; and cells of like histograms share a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tukar.codecs.base import Source, TensorView
from tukar.codecs.context import kernels
from tukar.codecs.context.elements import Kind
from tukar.codecs.context.layout import (
    CELLS,
    LEVELS,
    MAX_SHIFT,
    ROW,
    Array,
    Model,
    Plan,
    Tables,
)
from tukar.codecs.context.meta import Meta

STEPS: Final = 2  # scales in an octave
_LOW_BITS: Final = 2  # bits of the expected size of a token: what is above them is stored raw
_TABLES: Final = 16
_ROWS: Final = (-32, 31)  # scales, in steps from the mean; beyond there is nothing to gain
_COLUMNS: Final = (-16, 15)
_COLUMN_COUNTS: Final = range(32, (1 << 16) + 1)  # of fewer, a scale for each row would say more than the row
_MOST_ROWS: Final = 1 << 20  # what is held of each row takes up to 17 bytes
_STRIDE: Final = 1 << 12  # elements that are measured together where there are no rows
_SCALED: Final = 1 << 14  # elements below which scales take more than they save


@dataclass(frozen=True, slots=True)
class Fit:
    """What a tensor is coded with.

    Attributes:
        row_scales: uint8, one a row; None without columns.
        row_codings: what they are coded with.
    """

    meta: Meta
    codings: Array
    row_scales: Array | None = None
    row_codings: Array | None = None


def fit_plain(kind: Kind, tensor: TensorView, block_size: int) -> Fit:
    """What codes a tensor by itself: a table for the exponents, or for bytes; the rest is stored as it is."""
    shift = kind.width - 8
    tables = Tables(np.full(CELLS + 1, shift << 8, np.uint16), _NO_TABLES, None, None)
    model = Model(kind, False, 0, 1, tables)
    histogram = np.zeros((LEVELS, 256), np.uint32)
    for values in elements(kind, tensor.data, block_size):
        kernels.kernel().count(None, values, model, 1, histogram)
    plan = kernels.kernel().plan(histogram, 1, 1)
    assert plan.codings is not None  # noqa: S101 - it was fitted
    return Fit(Meta(kind, False, 0, 2 * shift, shift, 0, plan), plan.codings)


def fit_delta(kind: Kind, tensor: TensorView, base: Source, block_size: int) -> Fit:
    """What codes a tensor as its difference to a base of the same size."""
    return _DeltaFit(kind, tensor, base, block_size).fit()


def elements(kind: Kind, source: Source, block_size: int) -> Iterator[Array]:
    """The elements, a block at a time."""
    for start in range(0, source.size, block_size):
        yield np.frombuffer(source.read(start, min(start + block_size, source.size)), kind.dtype)


@dataclass(frozen=True, slots=True)
class _DeltaFit:
    kind: Kind
    tensor: TensorView
    base: Source
    block_size: int

    def fit(self) -> Fit:
        size = self.tensor.data.size * 8 // self.kind.width
        columns, top_class = self._columns(size), self._top_class()
        rows, by_column = self._measured(size, columns or _STRIDE, top_class)
        mean = rows.sum() / max(size, 1) or 2.0**-40
        row_scales: Array | None = None
        column_scales: Array | None = None
        middle, scales = 0, 1
        if columns:
            row_scales, lowest_row = _scales(rows, columns * mean, _ROWS)
            column_scales, lowest_column = _scales(by_column, size / columns * mean, _COLUMNS)
            middle, scales = -(lowest_row + lowest_column), int(row_scales.max()) + int(column_scales.max()) + 1
        offset = round(STEPS * (1 + np.log2(mean) - _LOW_BITS)) - middle
        offset, most = max(-(1 << 15), min(offset, (1 << 15) - 1)), min(MAX_SHIFT, self.kind.width - 1)
        tables = Tables(_shifts(offset, most), _NO_TABLES, None, column_scales)
        plan = self._planned(Model(self.kind, True, top_class, 1, tables, columns, 0, row_scales), scales)
        meta = Meta(self.kind, True, top_class, offset, most, columns, plan)
        assert plan.codings is not None  # noqa: S101 - it was fitted
        if row_scales is None or column_scales is None:
            return Fit(meta, plan.codings)
        return _with_scales(meta, plan.codings, row_scales, column_scales)

    def _columns(self, size: int) -> int:
        """Elements of a row: of the last axis, and of those before it where that is short, as in convolutions."""
        columns = 1
        for length in reversed(self.tensor.shape[1:]):
            columns *= length
            if columns >= _COLUMN_COUNTS.start:
                break
        if size < _SCALED or columns not in _COLUMN_COUNTS or size % columns or size // columns > _MOST_ROWS:
            return 0
        return columns

    def _top_class(self) -> int:
        if not self.kind.is_float:
            return self.kind.width
        magnitude = (1 << (self.kind.width - 1)) - 1
        tops = (int((block & magnitude).max()) for block in elements(self.kind, self.base, self.block_size))
        return max(tops, default=0) >> (self.kind.mantissa or 0)

    def _pairs(self) -> Iterator[tuple[Array, Array, int]]:
        """Blocks of the base and of the tensor, and at which element they begin."""
        bases = elements(self.kind, self.base, self.block_size)
        start = 0
        for base, values in zip(bases, elements(self.kind, self.tensor.data, self.block_size), strict=True):
            yield base, values, start
            start += len(values)

    def _measured(self, size: int, columns: int, top_class: int) -> tuple[Array, Array]:
        rows, by_column = np.zeros(-(-size // columns), np.float64), np.zeros(columns, np.float32)
        for base, values, start in self._pairs():
            model = Model(self.kind, True, top_class, 1, _UNSCALED, columns, start)
            kernels.kernel().measure(base, values, model, rows, by_column)
        return rows, by_column

    def _planned(self, model: Model, scales: int) -> Plan:
        histogram = np.zeros((LEVELS * scales, 256), np.uint32)
        for base, values, start in self._pairs():
            kernels.kernel().count(base, values, replace(model, column=start), scales, histogram)
        return kernels.kernel().plan(histogram, scales, _TABLES)


def _scales(sums: Array, usual: float, bounds: tuple[int, int]) -> tuple[Array, int]:
    """Sums by what they would be if all were alike, as steps from the lowest, and the lowest. In their place."""
    sums /= usual
    sums += 2.0**-40
    np.log2(sums, out=sums)
    sums *= STEPS
    np.round(sums, out=sums).clip(*bounds, out=sums)
    lowest = int(sums.min())
    sums -= lowest
    return sums.astype(np.uint8), lowest


def _shifts(offset: int, most: int) -> Array:
    """The raw low bits of all cells, before they have tables."""
    size = STEPS * np.arange(LEVELS)[:, None] + np.arange(ROW)[None, :] + offset
    cells = np.zeros(CELLS + 1, np.uint16)
    cells[:CELLS] = ((size // STEPS).clip(0, most) << 8).ravel()
    return cells


def _with_scales(meta: Meta, codings: Array, row_scales: Array, column_scales: Array) -> Fit:
    """Behind the tables: those of the scales, and the scales of the columns."""
    of_rows, of_columns = kernels.kernel().plan_scales(row_scales), kernels.kernel().plan_scales(column_scales)
    assert of_rows.codings is not None and of_columns.codings is not None  # noqa: S101, PT018 - they were fitted
    written = kernels.kernel().write_scales(column_scales, of_columns.codings)
    plan = replace(meta.plan, written=meta.plan.written + of_rows.written + of_columns.written + written)
    return Fit(replace(meta, plan=plan), codings, row_scales, of_rows.codings)


_NO_TABLES: Final = np.empty((0, 0), np.uint32)
_UNSCALED: Final = Tables(np.zeros(CELLS + 1, np.uint16), _NO_TABLES, None, None)
