"""A block of a tensor in the context codec's stream, written and read."""

from __future__ import annotations

import struct
from typing import Final

from tukar.codecs.base import Buffer
from tukar.codecs.context import kernels
from tukar.codecs.context.fitting import Fit
from tukar.codecs.context.layout import Array, Model, Parts, Tables
from tukar.codecs.context.meta import Opened
from tukar.errors import Corrupt

_HEADER: Final = struct.Struct("<IIII")  # bytes of the row scales, the words, the raw bits, and what was escaped


def lanes_of(size: int) -> int:
    """How many lanes code so many elements: more are faster, and each takes 2 bytes."""
    return 64 if size >= 1 << 15 else 8 if size >= 1 << 11 else 1


def encode(fit: Fit, tables: Tables, base: Array | None, values: Array, start: int) -> bytes:
    """Code a block that begins with element ``start``."""
    meta = fit.meta
    row_scales, rows = None, b""
    if fit.row_scales is not None and fit.row_codings is not None:
        row_scales = fit.row_scales[slice(*_rows(start, len(values), meta.columns))]
        rows = kernels.kernel().write_scales(row_scales, fit.row_codings)
    column = start % meta.columns if meta.columns else 0
    lanes = lanes_of(len(values))
    model = Model(meta.kind, meta.is_delta, meta.top_class, lanes, tables, meta.columns, column, row_scales)
    parts = kernels.kernel().encode(base, values, model, fit.codings)
    header = _HEADER.pack(len(rows), len(parts.words), len(parts.raw), len(parts.escaped))
    return b"".join((header, rows, parts.states, parts.words, parts.raw, parts.escaped))


def decode(meta: Opened, base: Array | None, size: int, data: Buffer, start: int) -> memoryview:
    """The bytes of the ``size`` elements from ``start``. Corrupt if the data is not well-formed."""
    lanes = lanes_of(size)
    if len(data) < _HEADER.size:
        raise Corrupt("a block of a context coding is too short")
    sizes = _HEADER.unpack_from(data)
    if _HEADER.size + sum(sizes) + 4 * lanes != len(data):
        raise Corrupt("a block of a context coding does not have the length that it says")
    rest, parts = memoryview(data)[_HEADER.size :], []
    for length in (sizes[0], 4 * lanes, *sizes[1:]):
        parts.append(rest[:length])
        rest = rest[length:]
    row_scales, column = None, 0
    if meta.columns and meta.tables.row_table is not None:
        first, stop = _rows(start, size, meta.columns)
        row_scales = kernels.kernel().read_scales(parts[0], meta.tables.row_table, stop - first)
        column = start % meta.columns
    elif parts[0]:
        raise Corrupt("a block of a context coding has scales of rows where there are no rows")
    model = Model(meta.kind, meta.is_delta, meta.top_class, lanes, meta.tables, meta.columns, column, row_scales)
    return kernels.kernel().decode(base, size, model, Parts(*parts[1:]))


def _rows(start: int, size: int, columns: int) -> tuple[int, int]:
    """The rows that the elements are in, from the first to behind the last."""
    return start // columns, -(-(start + size) // columns)
