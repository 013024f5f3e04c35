"""The compiled kernel, ``kernel.c``, by ctypes: its calls release the interpreter's lock.

It is built when Tukar is installed where there is a compiler; otherwise ``reference`` does the same.
"""

from __future__ import annotations

import ctypes as c
import threading
from pathlib import Path
from typing import Any, Final, overload

import numpy as np

from tukar.codecs.base import Buffer
from tukar.codecs.context.layout import (
    CELLS,
    CODING,
    ESCAPE,
    MAX_LANES,
    MAX_TABLES,
    NO_ESCAPE,
    PROB,
    Array,
    Model,
    Parts,
    Plan,
    Tables,
)
from tukar.errors import Corrupt

_P, _N = c.c_void_p, c.c_uint64
_ARGUMENTS: Final = {
    "tukar_level": (),
    "tukar_open": (_P, _N, _P, _N, _P, _P, _P, _P),
    "tukar_read_scales": (_P, _N, _P, _P, _N),
    "tukar_decode": (_P, _P, _N, _P, _P),
    "tukar_encode": (_P, _P, _N, _P, _P, _P, _P),
    "tukar_measure": (_P, _P, _N, _P, _P, _P),
    "tukar_count": (_P, _P, _N, _P, c.c_uint32, _P),
    "tukar_plan": (_P, c.c_int, c.c_int, _P, _P, _N, _P, _P),
    "tukar_plan_scales": (_P, _N, _P, _N, _P),
    "tukar_write_scales": (_P, _N, _P, _P, _N),
}
_WRITTEN: Final = 64 << 10  # bytes: as many as a meta may have
_SIZED: Final = ("tukar_plan", "tukar_plan_scales", "tukar_write_scales")


class _Model(c.Structure):
    _fields_ = (
        *((name, c.c_int32) for name in ("width", "is_float", "class_shift", "is_delta", "top_class", "escape")),
        *((name, c.c_int32) for name in ("lanes", "level")),
        *((name, c.c_uint64) for name in ("columns", "column")),
        *((name, _P) for name in ("cells", "row_scales", "column_scales", "tables")),
    )


class _Parts(c.Structure):
    _fields_ = (
        ("states", c.c_uint32 * MAX_LANES),
        *((name, _P) for name in ("words", "raw", "escaped")),
        *((name, c.c_uint64) for name in ("words_size", "raw_size", "escaped_size")),
    )


class Native:
    """The functions of the compiled kernel.

    Args:
        path: of the library.
        level: the instructions to use, at most: 0 the compiler's own, 1 AVX2, 2 AVX-512; by default what this processor
            has.

    OSError if it is no library for this machine.
    """

    def __init__(self, path: Path, level: int | None = None) -> None:
        self._library: Any = c.CDLL(str(path))
        for name, types in _ARGUMENTS.items():
            function = getattr(self._library, name)
            function.argtypes = types
            function.restype = c.c_int64 if name in _SIZED else c.c_int
        most: int = self._library.tukar_level()
        self._scratch = _Scratch()
        self.level = most if level is None else min(level, most)
        self.name = ("native", "native, AVX2", "native, AVX-512")[self.level]

    def open(self, data: bytes, plan: Plan, columns: int, offset: int, most_shift: int) -> Tables:
        """As ``Kernel``."""
        cells = np.zeros(CELLS + 1, np.uint16)  # one more: the kernel reads them in pairs
        tables = np.empty((plan.count, PROB), np.uint32)
        rows = np.empty(PROB, np.uint32) if columns else None
        scales = np.empty(columns, np.uint8) if columns else None
        header = np.array([plan.count, plan.levels, plan.first, plan.last, offset, most_shift], np.int32)
        read = np.frombuffer(data, np.uint8)
        self._check(
            self._library.tukar_open(
                _at(read), len(read), _at(header), columns, _at(cells), _at(tables), _at(rows), _at(scales)
            )
        )
        return Tables(cells, tables, rows, scales)

    def read_scales(self, data: Buffer, table: Array, count: int) -> Array:
        """As ``Kernel``."""
        scales = np.empty(count, np.uint8)
        read = np.frombuffer(data, np.uint8)
        self._check(self._library.tukar_read_scales(_at(read), len(read), _at(table), _at(scales), count))
        return scales

    def decode(self, base: Array | None, size: int, model: Model, parts: Parts) -> memoryview:
        """As ``Kernel``."""
        base, out = _aligned(base), np.empty(size, model.kind.dtype)
        words, raw, escaped = (np.frombuffer(part, np.uint8) for part in (parts.words, parts.raw, parts.escaped))
        given = _Parts(
            words=_at(words),
            raw=_at(raw),
            escaped=_at(escaped),
            words_size=len(words),
            raw_size=len(raw),
            escaped_size=len(escaped),
        )
        c.memmove(given.states, bytes(parts.states), len(parts.states))
        self._check(self._library.tukar_decode(_at(base), _at(out), size, c.byref(self._model(model)), c.byref(given)))
        return out.data.cast("B")

    def encode(self, base: Array | None, values: Array, model: Model, codings: Array) -> Parts:
        """As ``Kernel``."""
        base, values, size = _aligned(base), _aligned(values), len(values)
        words, raw, escaped, scratch = self._scratch.room(size, values.itemsize)
        made = _Parts(
            words=_at(words),
            raw=_at(raw),
            escaped=_at(escaped),
            words_size=len(words),
            raw_size=len(raw),
            escaped_size=len(escaped),
        )
        done = self._library.tukar_encode(
            _at(base), _at(values), size, c.byref(self._model(model)), _at(codings), c.byref(made), _at(scratch)
        )
        if done:
            raise ValueError("the tables do not fit the elements")
        return Parts(
            bytes(made.states)[: 4 * model.lanes],
            words[: made.words_size].tobytes(),
            raw[: made.raw_size].tobytes(),
            escaped[: made.escaped_size].tobytes(),
        )

    def measure(self, base: Array, values: Array, model: Model, rows: Array, columns: Array) -> None:
        """As ``Kernel``."""
        base, values, given = _aligned(base), _aligned(values), self._model(model)
        self._library.tukar_measure(_at(base), _at(values), len(values), c.byref(given), _at(rows), _at(columns))

    def count(self, base: Array | None, values: Array, model: Model, scales: int, histogram: Array) -> None:
        """As ``Kernel``."""
        base, values, given = _aligned(base), _aligned(values), self._model(model)
        self._library.tukar_count(_at(base), _at(values), len(values), c.byref(given), scales, _at(histogram))

    def plan(self, histogram: Array, scales: int, most: int) -> Plan:
        """As ``Kernel``."""
        written, work = np.empty(_WRITTEN, np.uint8), np.empty((513, 256), np.uint32)
        codings, header = np.zeros((MAX_TABLES, 256), CODING), np.zeros(4, np.int32)
        size = self._library.tukar_plan(
            _at(histogram), scales, most, _at(header), _at(written), len(written), _at(codings), _at(work)
        )
        count, levels, first, last = (int(number) for number in header)
        return Plan(written[:size].tobytes(), count, levels, first, last, codings[:count])

    def plan_scales(self, scales: Array) -> Plan:
        """As ``Kernel``."""
        written, codings = np.empty(_WRITTEN, np.uint8), np.zeros((1, 256), CODING)
        size = self._library.tukar_plan_scales(_at(scales), len(scales), _at(written), len(written), _at(codings))
        return Plan(written[:size].tobytes(), 1, 1, 0, 0, codings)

    def write_scales(self, scales: Array, codings: Array) -> bytes:
        """As ``Kernel``."""
        written = np.empty(2 * len(scales) + 16, np.uint8)
        size = self._library.tukar_write_scales(_at(scales), len(scales), _at(codings), _at(written), len(written))
        return written[:size].tobytes()

    def _model(self, model: Model) -> _Model:
        kind, tables = model.kind, model.tables
        return _Model(
            kind.width,
            kind.is_float,
            kind.mantissa or 0,
            model.is_delta,
            model.top_class,
            ESCAPE if model.is_delta else NO_ESCAPE,
            model.lanes,
            self.level,
            model.columns,
            model.column,
            _at(tables.cells),
            _at(model.row_scales),
            _at(tables.column_scales),
            _at(tables.tables),
        )

    @staticmethod
    def _check(result: int) -> None:
        if result:
            raise Corrupt("not a well-formed stream of the context codec")


class _Scratch(threading.local):
    """Room to encode in, kept for each thread: memory that is new with each block costs as much as encoding it."""

    arrays: tuple[Array, ...] = ()

    def room(self, size: int, width: int) -> tuple[Array, ...]:
        """Bytes for words, raw bits and what is escaped of so many elements, and for the kernel itself.

        Words take up to 12 bits a symbol, raw bits up to 24; the kernel asks for room for whole chunks.
        """
        needs = (2 * size + 4096, 3 * size + (16 << 10), (size + 4096) * width, 2 * size)
        if not self.arrays or any(len(array) < need for array, need in zip(self.arrays, needs, strict=True)):
            self.arrays = tuple(np.empty(need, np.uint8) for need in needs)
        return self.arrays


@overload
def _aligned(array: Array) -> Array: ...
@overload
def _aligned(array: Array | None) -> Array | None: ...
def _aligned(array: Array | None) -> Array | None:
    """The same at an address that C may read its elements from: what is cut out of other bytes may begin anywhere."""
    return array if array is None or array.flags.aligned else array.copy()


def _at(array: Array | None) -> int | None:
    return None if array is None else array.ctypes.data
