"""Tensors to blocks in the context codec's stream, and blocks back to bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tukar.codecs.base import Buffer, Source, TensorView
from tukar.codecs.context import blocks, fitting
from tukar.codecs.context.elements import Kind
from tukar.codecs.context.fitting import Fit
from tukar.codecs.context.meta import opened
from tukar.errors import Corrupt


def encode(kind: Kind, tensor: TensorView, base: Source | None, block_size: int) -> tuple[bytes, Iterator[bytes]]:
    """The meta and the blocks of a tensor; ``base``, if any, has its size."""
    if base is None:
        fit = fitting.fit_plain(kind, tensor, block_size)
    else:
        fit = fitting.fit_delta(kind, tensor, base, block_size)
    return fit.meta.encode(), _encoded(fit, tensor.data, base, block_size)


def _encoded(fit: Fit, data: Source, base: Source | None, block_size: int) -> Iterator[bytes]:
    kind, tables = fit.meta.kind, opened(fit.meta.encode()).tables
    for start in range(0, data.size, block_size):
        stop = min(start + block_size, data.size)
        raw = data.read(start, stop)
        beside = None if base is None else np.frombuffer(base.read(start, stop), kind.dtype)
        block = blocks.encode(fit, tables, beside, np.frombuffer(raw, kind.dtype), start * 8 // kind.width)
        yield block if len(block) < len(raw) else bytes(raw)


def decode(meta: bytes, data: Buffer, start: int, size: int, base: Buffer | None) -> Buffer:
    """The ``size`` bytes of the block from byte ``start``. Corrupt if the meta or the data is not well-formed."""
    read = opened(meta)
    width = read.kind.width // 8
    if read.is_delta != (base is not None) or size % width or start % width or len(data) >= size:
        raise Corrupt(f"not a block of {size} bytes in a context coding of elements of {width} bytes")
    beside = None if base is None else np.frombuffer(base, read.kind.dtype)
    return blocks.decode(read, beside, size // width, data, start // width)
