"""One chunk as the Xet protocol writes it: an 8-byte header, then its bytes under one of three compression schemes.

Source: the Xet protocol specification, "Xorb Formation & Serialization Format" (https://huggingface.co/docs/xet/xorb).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from tukar.errors import Invalid
from tukar.xet import lz4frames

HEADER_BYTES: Final = 8
MAX_CHUNK_BYTES: Final = 128 * 1024
"""No chunk has more raw bytes than this."""
MAX_PACKED_BYTES: Final = 2 * MAX_CHUNK_BYTES
"""No chunk takes more bytes than this after its header; as in xet-core."""

NONE, LZ4, GROUPED_LZ4 = 0, 1, 2
"""The compression schemes: none; an LZ4 frame; the bytes grouped by their position modulo four, then an LZ4 frame."""


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """What stands before a chunk's bytes.

    Attributes:
        scheme: ``NONE``, ``LZ4`` or ``GROUPED_LZ4``.
        packed: how many bytes follow the header.
        length: how many raw bytes they become, 1 to 128 KiB.
    """

    scheme: int
    packed: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """From its 8 bytes; Invalid if they are no chunk header, or announce more than a chunk may have."""
        if len(data) != HEADER_BYTES or data[0] != 0:
            raise Invalid(f"not a chunk header of version 0: {data[:HEADER_BYTES].hex()}")
        packed, scheme, length = int.from_bytes(data[1:4], "little"), data[4], int.from_bytes(data[5:8], "little")
        if scheme not in (NONE, LZ4, GROUPED_LZ4):
            raise Invalid(f"a chunk has the unknown compression scheme {scheme}")
        if not 0 < length <= MAX_CHUNK_BYTES or not 0 < packed <= MAX_PACKED_BYTES:
            raise Invalid(f"a chunk of {length} bytes, packed into {packed}, is outside the limits of the protocol")
        if scheme == NONE and packed != length:
            raise Invalid(f"an uncompressed chunk of {length} bytes cannot be packed into {packed}")
        return cls(scheme, packed, length)

    def to_bytes(self) -> bytes:
        """Its 8 bytes."""
        packed, length = self.packed.to_bytes(3, "little"), self.length.to_bytes(3, "little")
        return b"\0" + packed + bytes((self.scheme,)) + length


def encode(raw: bytes) -> bytes:
    """A chunk of 1 to 128 KiB, serialised without compression; Invalid for any other length."""
    if not 0 < len(raw) <= MAX_CHUNK_BYTES:
        raise Invalid(f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes, not {len(raw)}")
    return ChunkHeader(NONE, len(raw), len(raw)).to_bytes() + raw


def decompress(header: ChunkHeader, packed: bytes) -> bytes | bytearray:
    """The raw bytes of a chunk: exactly ``header.length`` of them.

    Invalid if ``packed`` is not well-formed or holds another number of bytes. Memory is bounded by ``header.length``.
    """
    if len(packed) != header.packed:
        raise Invalid(f"a chunk's body has {len(packed)} bytes, not the {header.packed} that its header announces")
    if header.scheme == NONE:
        return packed
    raw = lz4frames.decompress(packed, header.length)
    return raw if header.scheme == LZ4 else ungroup(raw)


def group(data: bytes) -> bytes:
    """``data`` regrouped: all bytes at positions 0 modulo 4, then 1, 2, 3. Like bytes of like numbers come together."""
    return b"".join(data[lane::4] for lane in range(4))


def ungroup(data: bytes) -> bytearray:
    """The inverse of ``group``."""
    raw = bytearray(len(data))
    at = 0
    for lane in range(4):
        stop = at + (len(data) + 3 - lane) // 4
        raw[lane::4] = data[at:stop]
        at = stop
    return raw
