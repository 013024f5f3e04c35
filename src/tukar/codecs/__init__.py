"""Tensor bytes to stored blocks and back.

A new codec is one file here, one line in ``CODECS`` and one subclass of ``tukar.testing.codecs.CodecContract``:
see docs/how-to/add-a-codec.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tukar.codecs.base import Codec, Need, TensorView
from tukar.codecs.choose import choose
from tukar.codecs.context import Coded, Delta
from tukar.codecs.raw import Raw
from tukar.codecs.zstd import Zstd
from tukar.errors import Unsupported

__all__ = ["CODECS", "Codec", "Need", "TensorView", "choose", "codec"]

_REGISTRY: Final[tuple[Codec, ...]] = (
    Raw(),
    Zstd(),
    Coded(),
    Delta(),
)

CODECS: Final[Mapping[int, Codec]] = MappingProxyType({entry.id: entry for entry in _REGISTRY})
"""Every codec by the number that stands for it in the byte format."""


def codec(number: int) -> Codec:
    """The codec of a number in the byte format; Unsupported if this version knows none."""
    try:
        return CODECS[number]
    except KeyError:
        raise Unsupported(
            f"no codec has the number {number} in this version of Tukar",
            hint="read this store with the version that wrote it, or a later one",
        ) from None
