"""The meta of a tensor that the context codec stored: what is the same for all of its blocks."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tukar.codecs.context import kernels
from tukar.codecs.context.elements import BY_CODE, Kind
from tukar.codecs.context.layout import LEVELS, MAX_COLUMNS, MAX_SHIFT, MAX_TABLES, ROW, Plan, Tables
from tukar.errors import Corrupt

VERSION: Final = 1
_HEADER: Final = struct.Struct("<BBBBhBBBBBI")
_KEPT: Final = 32  # opened metas: a quarter of a MiB each, and opening one takes as long as decoding a small tensor


@dataclass(frozen=True, slots=True)
class Meta:
    """The same for all blocks of a tensor.

    Attributes:
        top_class: the class of the elements of the base that are on level 0.
        offset: half of scale + 2 * level + offset, within 0 and ``most_shift``, are a cell's raw low bits.
        columns: elements of a row, 0 if there are no scales.
        plan: the tables as they are written, the scales of columns behind them.
    """

    kind: Kind
    is_delta: bool
    top_class: int
    offset: int
    most_shift: int
    columns: int
    plan: Plan

    def encode(self) -> bytes:
        """As it is stored."""
        plan = self.plan
        header = _HEADER.pack(
            VERSION,
            self.kind.code,
            self.is_delta,
            self.top_class,
            self.offset,
            self.most_shift,
            plan.count,
            plan.levels,
            plan.first,
            plan.last,
            self.columns,
        )
        return header + plan.written


@dataclass(frozen=True, slots=True)
class Opened:
    """A meta that was read."""

    kind: Kind
    is_delta: bool
    top_class: int
    columns: int
    tables: Tables


@lru_cache(_KEPT)
def opened(meta: bytes) -> Opened:
    """Read a meta. Corrupt if it is not well-formed."""
    if len(meta) < _HEADER.size:
        raise Corrupt("the meta of a context coding is too short")
    version, code, is_delta, top_class, offset, most, count, levels, first, last, columns = _HEADER.unpack_from(meta)
    kind = BY_CODE.get(code)
    if version != VERSION or kind is None or is_delta > 1:
        raise Corrupt("the meta of a context coding is of an unknown kind")
    if not (1 <= count <= MAX_TABLES and 1 <= levels <= LEVELS and first <= last < ROW):
        raise Corrupt("the meta of a context coding has cells out of bounds")
    if most > min(MAX_SHIFT, kind.width) or columns > MAX_COLUMNS or (columns and not is_delta):
        raise Corrupt("the meta of a context coding is out of bounds")
    fixed = (1, 1, 0, 0, 2 * (kind.width - 8), kind.width - 8)
    if not is_delta and (count, levels, first, last, offset, most) != fixed:
        raise Corrupt("the meta of a plain context coding is out of bounds")
    plan = Plan(b"", count, levels, first, last)
    tables = kernels.kernel().open(meta[_HEADER.size :], plan, columns, offset, most)
    return Opened(kind, bool(is_delta), top_class, columns, tables)
