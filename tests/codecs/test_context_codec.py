"""The context codec, in the compiled kernel and in the reference: one stream, the same bytes back."""

from __future__ import annotations

from tukar.codecs.context import Coded, Delta
from tukar.testing.codecs import CodecContract


def relative(data: bytes) -> bytes:
    """Bytes that differ in the lowest bit of every third."""
    return bytes(byte ^ (index % 3 == 0) for index, byte in enumerate(data))


class TestCoded(CodecContract):
    codec = Coded()


class TestDelta(CodecContract):
    codec = Delta()

    def bases(self, data: bytes) -> tuple[bytes, ...]:
        return (relative(data),)
