"""The context codec: tensors as differences to a base, coded in contexts that the base gives; or by themselves.

The stream is specified in docs/format/context.md. Its ideas: floats are mapped to integers in the same order, so that a
small change is a small number whatever the exponent (P. Lindstrom and M. Isenburg, Fast and efficient compression of
floating-point data, 2006); a number is coded by rANS (J. Duda, arXiv:1311.2540) under a table that is chosen by the
exponent of the base's element, for a small weight has a small ulp, and the same change is many of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tukar.codecs.base import Buffer, Need, Source, TensorView
from tukar.codecs.context.elements import KINDS, kind_of
from tukar.errors import Corrupt, Invalid

# What does the work is imported where it is needed: numpy alone takes longer to import than most commands take to run.


class Coded:
    """Codec 2: a tensor by itself. Exponents are coded, or bytes; signs and mantissas are stored as they are."""

    id = 2
    name = "coded"

    def encode(self, tensor: TensorView, bases: Sequence[Source], block_size: int) -> tuple[bytes, Iterator[bytes]]:
        """As ``Codec``."""
        from tukar.codecs.context import coding

        return coding.encode(kind_of(tensor, block_size), tensor, None, block_size)

    def needs(self, meta: bytes, start: int, stop: int) -> Sequence[Need]:
        """Nothing."""
        return ()

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        """As ``Codec``."""
        from tukar.codecs.context import coding

        if needed:
            raise Corrupt("a tensor that is coded by itself has no base")
        return coding.decode(meta, data, start, size, None)


def dtype_of(meta: bytes) -> str | None:
    """A dtype with elements like those that a meta of these codecs speaks of; None if it speaks of none."""
    return next((dtype for dtype, kind in KINDS.items() if meta[1:2] == bytes([kind.code])), None)


class Delta:
    """Codec 3: a tensor as its difference to a base of the same size."""

    id = 3
    name = "delta"

    def encode(self, tensor: TensorView, bases: Sequence[Source], block_size: int) -> tuple[bytes, Iterator[bytes]]:
        """As ``Codec``, with one base; Invalid unless it has the tensor's size."""
        from tukar.codecs.context import coding

        if [base.size for base in bases] != [tensor.data.size]:
            raise Invalid(f"a difference takes one base, of {tensor.data.size} bytes")
        return coding.encode(kind_of(tensor, block_size), tensor, bases[0], block_size)

    def needs(self, meta: bytes, start: int, stop: int) -> Sequence[Need]:
        """The same range of the base."""
        return (Need(0, start, stop),)

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        """As ``Codec``."""
        from tukar.codecs.context import coding

        if [len(base) for base in needed] != [size]:
            raise Corrupt(f"a difference of {size} bytes needs as many of its base")
        return coding.decode(meta, data, start, size, needed[0])
