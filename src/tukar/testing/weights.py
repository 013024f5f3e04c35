"""Noise that looks like weights, the same for the same seed, at any length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from blake3 import blake3

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Tensors to make: each name with a dtype and a shape."""

_STEP: Final = 256 << 10
_HIGH: Final = bytes(0x3C | byte & 0x83 for byte in range(256))  # sign and two bits of the exponent: from 2^-7 to 2


def weights(dtype: str, nbytes: int, seed: object) -> Iterator[bytes]:
    """``nbytes`` bytes of a tensor, in runs of at most 256 KiB. The same for the same seed, by its ``str``.

    Those of bfloat16 look like weights to a compressor: sign and mantissa are random, the exponent is one of eight.
    """
    stream = blake3(str(seed).encode())
    for start in range(0, nbytes, _STEP):
        length = min(_STEP, nbytes - start)
        noise = stream.digest(length=length, seek=start)
        yield _bfloat16(noise) if dtype == "BF16" else noise


def _bfloat16(noise: bytes) -> bytes:
    """``noise`` with the upper five bits of every exponent set to the same."""
    made = bytearray(noise)
    made[1::2] = noise[1::2].translate(_HIGH)
    return bytes(made)
