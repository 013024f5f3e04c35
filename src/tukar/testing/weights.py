"""Noise that looks like weights, the same for the same seed, at any length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from blake3 import blake3

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Tensors to make: each name with a dtype and a shape."""

_STEP: Final = 1 << 20
_KEEP: Final = int.from_bytes(b"\xff\x83" * (_STEP // 2), "little")  # the sign, 3 bits of the exponent, the mantissa
_EXPONENT: Final = int.from_bytes(b"\x00\x3c" * (_STEP // 2), "little")  # magnitudes from 2^-7 to 2


def weights(dtype: str, nbytes: int, seed: object) -> Iterator[bytes]:
    """``nbytes`` bytes of a tensor, in runs of at most 1 MiB. The same for the same seed, by its ``str``.

    Those of bfloat16 look like weights to a compressor: sign and mantissa are random, the exponent is one of eight.
    """
    stream = blake3(str(seed).encode())
    for start in range(0, nbytes, _STEP):
        length = min(_STEP, nbytes - start)
        noise = stream.digest(length=length, seek=start)
        yield _bfloat16(noise) if dtype == "BF16" else noise


def _bfloat16(noise: bytes) -> bytes:
    """``noise``, at most a step of it, with the upper five bits of every exponent set to the same."""
    exponent = _EXPONENT & ((1 << 8 * len(noise)) - 1)
    return (int.from_bytes(noise, "little") & _KEEP | exponent).to_bytes(len(noise), "little")
