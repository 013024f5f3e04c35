"""What the elements of a tensor are to the context codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tukar.codecs.base import TensorView


@dataclass(frozen=True, slots=True)
class Kind:
    """How the bytes of a tensor are read.

    Attributes:
        code: what stands for it in the byte format.
        width: bits of an element: 8, 16 or 32.
        mantissa: bits of a float's mantissa; None for integers.
    """

    code: int
    width: int
    mantissa: int | None = None

    @property
    def is_float(self) -> bool:
        """Whether the elements have a sign, an exponent and a mantissa."""
        return self.mantissa is not None

    @property
    def dtype(self) -> str:
        """The elements as unsigned integers, to numpy."""
        return f"<u{self.width // 8}"

    @property
    def classes(self) -> int:
        """How many classes there are: exponents, or lengths of integers in bits."""
        return self.width if self.mantissa is None else 1 << (self.width - 1 - self.mantissa)


_INT8, _INT16, _INT32 = Kind(0, 8), Kind(1, 16), Kind(2, 32)

KINDS: Final[Mapping[str, Kind]] = {
    "I8": _INT8,
    "U8": _INT8,
    "BOOL": _INT8,
    "I16": _INT16,
    "U16": _INT16,
    "I32": _INT32,
    "U32": _INT32,
    "I64": _INT32,  # as pairs: the upper half of a small integer says nothing
    "U64": _INT32,
    "F8_E4M3": Kind(3, 8, 3),
    "F8_E5M2": Kind(4, 8, 2),
    "F16": Kind(5, 16, 10),
    "BF16": Kind(6, 16, 7),
    "F32": Kind(7, 32, 23),
}
"""By the names of dtypes in safetensors."""

BY_CODE: Final[Mapping[int, Kind]] = {kind.code: kind for kind in KINDS.values()}


def kind_of(tensor: TensorView, block_size: int) -> Kind:
    """What the elements of a tensor are: bytes, where it is not known better or where blocks would cut elements."""
    kind = KINDS.get(tensor.dtype or "", _INT8)
    width = kind.width // 8
    return _INT8 if tensor.data.size % width or block_size % width else kind
