"""GGUF read into floats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, the blocks as in ggml-common.h.

``tukar.formats.gguf`` bounds what a stranger's header may cost and steps over vocabularies. This file is pinned, and
its vocabulary is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9

_Q4_1 = np.dtype([("scale", "<f2"), ("least", "<f2"), ("pairs", "u1", 16)])
_Q8_0 = np.dtype([("scale", "<f2"), ("steps", "i1", 32)])


@dataclass(frozen=True, slots=True)
class Gguf:
    """``metadata`` as they stand; ``tensors`` in f32, their shapes outermost dimension first."""

    metadata: dict[str, Any]
    tensors: dict[str, Floats]


def read(path: Path) -> Gguf:
    """Read and dequantise the whole file. Raises ValueError for a type of tensor that is not among the four known."""
    cursor = _Cursor(path.read_bytes())
    if cursor.take(4) != b"GGUF" or cursor.number("<I") not in (2, 3):
        raise ValueError(f"{path} is not GGUF of version 2 or 3")
    tensor_count, entry_count = cursor.number("<Q"), cursor.number("<Q")
    metadata = {cursor.string(): cursor.value(cursor.number("<I")) for _ in range(entry_count)}
    claims = [_claim(cursor) for _ in range(tensor_count)]
    origin = cursor.at + -cursor.at % metadata.get("general.alignment", 32)
    return Gguf(metadata, {claim.name: _dequantise(cursor.content, origin, claim) for claim in claims})


class _Cursor:
    """Reads the header from front to back."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.content[self.at - count : self.at]

    def number(self, kind: str) -> Any:
        layout = Struct(kind)
        return layout.unpack(self.take(layout.size))[0]

    def string(self) -> str:
        return self.take(self.number("<Q")).decode()

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            element, count = self.number("<I"), self.number("<Q")
            return [self.value(element) for _ in range(count)]
        return self.number(_NUMBERS[kind])


@dataclass(frozen=True, slots=True)
class _Claim:
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def _claim(cursor: _Cursor) -> _Claim:
    name = cursor.string()
    innermost_first = [cursor.number("<Q") for _ in range(cursor.number("<I"))]
    return _Claim(name, tuple(reversed(innermost_first)), cursor.number("<I"), cursor.number("<Q"))


def _dequantise(content: bytes, origin: int, claim: _Claim) -> Floats:
    if claim.kind not in _READERS:
        raise ValueError(f"{claim.name} is of ggml's type {claim.kind}, which is not read here")
    values = _READERS[claim.kind](content, origin + claim.offset, prod(claim.shape))
    return values.reshape(claim.shape)


def _f32(content: bytes, start: int, count: int) -> Floats:
    return np.frombuffer(content, "<f4", count, start).astype(np.float32)


def _f16(content: bytes, start: int, count: int) -> Floats:
    return np.frombuffer(content, "<f2", count, start).astype(np.float32)


def _q4_1(content: bytes, start: int, count: int) -> Floats:
    """Blocks of 32: a step of 0 to 15 times the scale, and the least value added. The bytes' low halves come first."""
    blocks = np.frombuffer(content, _Q4_1, count // 32, start)
    steps = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32)
    values: Floats = steps * _column(blocks["scale"]) + _column(blocks["least"])
    return values


def _q8_0(content: bytes, start: int, count: int) -> Floats:
    """Blocks of 32: a step of -128 to 127 times the scale."""
    blocks = np.frombuffer(content, _Q8_0, count // 32, start)
    values: Floats = blocks["steps"].astype(np.float32) * _column(blocks["scale"])
    return values


def _column(scales: NDArray[np.float16]) -> Floats:
    return scales.astype(np.float32)[:, None]


_READERS = {0: _f32, 1: _f16, 3: _q4_1, 8: _q8_0}
