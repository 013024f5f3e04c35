"""The kernel in Python: the reference for the stream, and what works where there is no compiler."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tukar.codecs.base import Buffer
from tukar.codecs.context import compiled
from tukar.codecs.context.elements import Kind
from tukar.codecs.context.layout import (
    CELLS,
    CODING,
    ESCAPE,
    MAX_TABLES,
    NO_ESCAPE,
    PROB,
    SCALES,
    Array,
    Model,
    Parts,
    Plan,
    Tables,
)
from tukar.errors import Corrupt

_BYTES: Final = Kind(0, 8)


class Reference:
    """As ``Kernel``."""

    name = "reference"

    def open(self, data: bytes, plan: Plan, columns: int, offset: int, most_shift: int) -> Tables:
        """As ``Kernel``."""
        cells, tables = np.zeros(CELLS + 1, np.uint16), np.zeros((plan.count, PROB), np.uint32)
        row_table, column_table = np.zeros(PROB, np.uint32), np.zeros(PROB, np.uint32)
        read = np.frombuffer(data, np.uint8)
        header = (plan.count, plan.levels, plan.first, plan.last, offset, most_shift)
        at = compiled.open_tables(read, *header, columns, cells, tables, row_table, column_table)
        if at < 0 or (not columns and at != len(read)):
            raise _malformed()
        if not columns:
            return Tables(cells, tables, None, None)
        return Tables(cells, tables, row_table, self.read_scales(data[at:], column_table, columns))

    def read_scales(self, data: Buffer, table: Array, count: int) -> Array:
        """As ``Kernel``."""
        scales = np.empty(count, np.uint8)
        if len(data) < 4 or len(data) % 2:
            raise _malformed()
        state = np.frombuffer(data, "<u4", 1).astype(np.uint64)
        if state[0] < compiled.LOW:
            raise _malformed()
        end = len(data) // 2 - 2
        zeros = np.zeros(count, np.uint16)
        used = compiled.symbols(state, zeros, scales, count, table, _padded(memoryview(data)[4:], 1), 0, end)
        if used != end or state[0] != compiled.LOW or (scales >= SCALES).any():
            raise _malformed()
        return scales

    def decode(self, base: Array | None, size: int, model: Model, parts: Parts) -> memoryview:
        """As ``Kernel``."""
        out = np.empty(size * model.kind.width // 8, np.uint8)
        near = np.frombuffer(b"" if base is None else base, np.uint8)
        near.flags.writeable = False  # always, or it would sometimes be another type, and be compiled for that as well
        if len(parts.words) % 2 or len(parts.escaped) % (model.kind.width // 8):
            raise _malformed()
        done = compiled.decode(
            near,
            out,
            *_fields(model),
            model.tables.tables.ravel(),
            np.frombuffer(parts.states, "<u4").astype(np.uint64),
            _padded(parts.words, model.lanes),
            np.frombuffer(parts.raw, np.uint8),
            _wide(np.frombuffer(parts.escaped, model.kind.dtype)),
        )
        if done:
            raise _malformed()
        return out.data

    def encode(self, base: Array | None, values: Array, model: Model, codings: Array) -> Parts:
        """As ``Kernel``."""
        size = len(values)
        states = np.full(model.lanes, compiled.LOW, np.int64)
        words = np.empty(size + 8, np.uint16)
        raw = np.empty(3 * size + 8, np.uint8)
        escaped = np.empty(size, np.uint32)
        wide = _wide(values)
        tables = [np.ascontiguousarray(codings[name]) for name in ("frequency", "first")]
        given = wide if base is None else _wide(base)
        used = compiled.encode(given, wide, *_fields(model), *tables, states, words, raw, escaped)
        if used[0] < 0:
            raise ValueError("the tables do not fit the elements")
        return Parts(
            states.astype("<u4").tobytes(),
            words[len(words) - used[0] :].astype("<u2").tobytes(),
            raw[: used[1]].tobytes(),
            escaped[: used[2]].astype(values.dtype).tobytes(),
        )

    def measure(self, base: Array, values: Array, model: Model, rows: Array, columns: Array) -> None:
        """As ``Kernel``."""
        compiled.measure(_wide(base), _wide(values), *_fields(model), rows, columns)

    def count(self, base: Array | None, values: Array, model: Model, scales: int, histogram: Array) -> None:
        """As ``Kernel``."""
        wide = _wide(values)
        compiled.count_tokens(wide if base is None else _wide(base), wide, *_fields(model), scales, histogram)

    def plan(self, histogram: Array, scales: int, most: int) -> Plan:
        """As ``Kernel``."""
        written, codings = np.zeros(64 << 10, np.uint8), np.zeros((MAX_TABLES, 256), CODING)
        frequencies = np.zeros((MAX_TABLES, 256), np.int64)
        count, levels, first, last, size = compiled.plan(histogram, scales, most, written, frequencies)
        codings[:count] = _codings(frequencies[:count])
        return Plan(written[:size].tobytes(), count, levels, first, last, codings[:count])

    def plan_scales(self, scales: Array) -> Plan:
        """As ``Kernel``."""
        written, frequencies = np.zeros(4096, np.uint8), np.zeros((1, 256), np.int64)
        size = compiled.plan_scales(np.bincount(scales, minlength=256), written, frequencies[0])
        return Plan(written[:size].tobytes(), 1, 1, 0, 0, _codings(frequencies))

    def write_scales(self, scales: Array, codings: Array) -> bytes:
        """As ``Kernel``."""
        tables = Tables(np.zeros(CELLS + 1, np.uint16), np.empty((0, 0), np.uint32), None, None)
        parts = self.encode(None, scales, Model(_BYTES, False, 0, 1, tables), codings)
        return bytes(parts.states) + bytes(parts.words)


def _fields(model: Model) -> tuple[Any, ...]:
    """A model as the compiled functions take it."""
    kind, tables = model.kind, model.tables
    none = np.empty(0, np.uint8)
    return (
        kind.width,
        kind.is_float,
        kind.mantissa or 0,
        model.is_delta,
        model.top_class,
        ESCAPE if model.is_delta else NO_ESCAPE,
        model.columns,
        model.column,
        tables.cells,
        none if model.row_scales is None else model.row_scales,
        none if tables.column_scales is None else tables.column_scales,
    )


def _codings(frequencies: Array) -> Array:
    """How tables with these frequencies, [table][symbol], code symbols."""
    codings = np.zeros(frequencies.shape, CODING)
    divisor = np.maximum(frequencies, 1).astype(np.uint64)
    most = np.uint64(0xFFFFFFFFFFFFFFFF)
    codings["frequency"] = frequencies
    codings["first"] = np.cumsum(frequencies, axis=1) - frequencies + np.where(frequencies == 1, PROB - 1, 0)
    codings["reciprocal"] = np.where(divisor > 1, most // divisor + np.uint64(1), most)
    return codings


def _wide(elements: Array) -> Array:
    """Elements as what the compiled functions take: being compiled for each width would take three times as long."""
    return np.array(elements, np.uint32)  # and not read-only, which would be another type again


def _padded(data: Buffer, lanes: int) -> Array:
    """Words, with one for each lane behind them."""
    words = np.zeros(len(data) // 2 + lanes, np.uint16)
    words[: len(data) // 2] = np.frombuffer(data, "<u2")
    return words


def _malformed() -> Corrupt:
    return Corrupt("not a well-formed stream of the context codec")
