"""The context codec, in the compiled kernel and in the reference: one stream, the same bytes back."""

from __future__ import annotations

import numpy as np

from tukar.codecs.context import Coded, Delta
from tukar.testing.codecs import CodecContract


def relative(data: bytes) -> bytes:
    """Bytes that differ in the lowest bit of every third."""
    values = np.frombuffer(data, np.uint8).copy()
    values[::3] ^= 1
    return values.tobytes()


class TestCoded(CodecContract):
    codec = Coded()


class TestDelta(CodecContract):
    codec = Delta()

    def bases(self, data: bytes) -> tuple[bytes, ...]:
        return (relative(data),)
