"""The elements of a tensor as 32-bit floats, whatever a file stores them as."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tukar.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from tukar.codecs.base import Buffer

Array: TypeAlias = "np.ndarray[Any, Any]"
"""Of numpy."""


_LARGE: Final = np.float32(1e4)  # of an element: more than most are, unless scales were moved between matrices
_FAR: Final = 1e6  # times the median of those that are not 0


def as_floats(dtype: str, data: Buffer, shape: Sequence[int]) -> Array:
    """The elements, in the tensor's shape; what is no float16 or bfloat16 loses what a float32 cannot hold.

    Quantised types of GGUF are taken apart by the package ``gguf`` (llama.cpp's own); ``shape`` counts elements.
    Unsupported for a dtype that neither safetensors nor that package knows; Invalid where there are more or fewer bytes
    than elements take.
    """
    read = _READ.get(dtype)
    if read is not None:
        return read(data).reshape(shape)
    return _dequantised(dtype, data, shape)


def finite(values: Array) -> Array:
    """The same, with 0 for what is no number, infinite, or too far from the others to be a weight."""
    if not values.size or (values.max() < _LARGE and values.min() > -_LARGE):
        return values
    sizes = np.abs(values)
    some = sizes[(sizes > 0) & np.isfinite(sizes)]
    if not some.size:
        return np.zeros_like(values)
    is_usual = sizes <= min(_FAR * float(np.median(some)), float(np.finfo(np.float32).max))
    return values if is_usual.all() else np.where(is_usual, values, np.float32(0))


def _bf16(data: Buffer) -> Array:
    found: Array = np.left_shift(np.frombuffer(data, "<u2"), 16, dtype="<u4").view("<f4")
    return found


def _float8(exponent: int, mantissa: int, bias: int, *, is_finite: bool) -> Callable[[Buffer], Array]:
    """A reader by table. ``is_finite``: the largest exponent is one like others, as in E4M3 (P. Micikevicius and
    others, FP8 formats for deep learning, arXiv:2209.05433).
    """
    codes = np.arange(256)
    power, fraction = codes >> mantissa & (1 << exponent) - 1, codes & (1 << mantissa) - 1
    normal = (1 + fraction / (1 << mantissa)) * 2.0 ** (power - bias)
    values = np.where(power == 0, fraction / (1 << mantissa) * 2.0 ** (1 - bias), normal)
    top = power == (1 << exponent) - 1
    if is_finite:
        values[top & (fraction == (1 << mantissa) - 1)] = np.nan
    else:
        values[top] = np.where(fraction[top] == 0, np.inf, np.nan)
    table = np.where(codes & 0x80, -values, values).astype(np.float32)
    return lambda data: table[np.frombuffer(data, np.uint8)]


def _number(dtype: str) -> Callable[[Buffer], Array]:
    return lambda data: np.frombuffer(data, dtype).astype(np.float32)


_READ: Final[Mapping[str, Callable[[Buffer], Array]]] = {
    "F32": lambda data: np.frombuffer(data, "<f4"),
    "BF16": _bf16,
    "F16": _number("<f2"),
    "F64": _number("<f8"),
    "F8_E4M3": _float8(4, 3, 7, is_finite=True),
    "F8_E5M2": _float8(5, 2, 15, is_finite=False),
    "I8": _number("<i1"),
    "U8": _number("<u1"),
    "BOOL": _number("<u1"),
    "I16": _number("<i2"),
    "U16": _number("<u2"),
    "I32": _number("<i4"),
    "U32": _number("<u4"),
    "I64": _number("<i8"),
    "U64": _number("<u8"),
}


def _dequantised(dtype: str, data: Buffer, shape: Sequence[int]) -> Array:
    import gguf  # slow to import, and needed for few files

    kind = gguf.GGMLQuantizationType.__members__.get(dtype)  # the text is anybody's
    if kind is None:
        raise Unsupported(f"elements of type {dtype[:40]} cannot be read as numbers")
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    if not shape or shape[-1] % elements or prod(shape) // elements * size != len(data):
        raise Invalid(f"elements of type {dtype} do not fit the shape {tuple(shape)}")
    rows = np.frombuffer(data, np.uint8).reshape(*shape[:-1], shape[-1] // elements * size)
    try:
        found: Array = gguf.dequantize(rows, kind)
    except NotImplementedError:
        raise Unsupported(f"elements of type {dtype} cannot be read as numbers") from None
    return found
