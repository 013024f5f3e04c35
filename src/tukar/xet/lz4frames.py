"""LZ4 frames, decompressed within a size that the caller knows beforehand.

The ``lz4`` package's own frame decoder sizes its buffers by what the frame claims (up to 4 MiB a block, any content
size). Here the claims are not believed: each block is decompressed into what is left of the known size. Checksums in
the frame are skipped, since the bytes that come out are checked against a stronger hash.

Source: the LZ4 frame format 1.6.4, https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import lz4.block

from tukar.errors import Invalid

_MAGIC: Final = b"\x04\x22\x4d\x18"
_VERSION, _UNLINKED, _BLOCK_CHECKSUM, _CONTENT_SIZE, _CONTENT_CHECKSUM = 0x40, 0x20, 0x10, 0x08, 0x04
_STORED: Final = 0x80000000  # in a block's length: its bytes are not compressed
_WINDOW: Final = 64 * 1024  # how far back a linked block may refer
_MAX_BLOCKS: Final = 64  # encoders cut every 64 KiB or more; without a limit, tiny blocks would cost time without bytes


def decompress(frame: bytes, size: int) -> bytes:
    """The ``size`` bytes that one LZ4 frame holds.

    Invalid if ``frame`` is not exactly one well-formed frame of ``size`` bytes in at most 64 blocks. Whatever it
    claims, at most ``size`` bytes are allocated for a block, for the result and for what linked blocks refer to.
    """
    at, flags = _header(frame)
    parts: list[bytes] = []
    left, window = size, b""
    for data, stored in _blocks(frame, at, flags):
        parts.append(bytes(data) if stored else _decompress(data, left, window))
        left -= len(parts[-1])
        if left < 0 or len(parts) > _MAX_BLOCKS:
            raise Invalid(f"an LZ4 frame holds more than the {size} bytes that were announced, or too many blocks")
        if left and not flags & _UNLINKED:
            window = (window + parts[-1])[-_WINDOW:]
    if left:
        raise Invalid(f"an LZ4 frame holds {left} bytes less than the {size} that were announced")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _header(frame: bytes) -> tuple[int, int]:
    """Where the first block begins, and the frame's flags."""
    if frame[:4] != _MAGIC or len(frame) < 7:
        raise Invalid("not an LZ4 frame")
    flags = frame[4]
    known = _VERSION | _UNLINKED | _BLOCK_CHECKSUM | _CONTENT_SIZE | _CONTENT_CHECKSUM
    if flags & 0xC0 != _VERSION or flags & ~known:
        raise Invalid(f"an LZ4 frame of an unknown kind (flags {flags:#04x})")
    return (15 if flags & _CONTENT_SIZE else 7), flags


def _blocks(frame: bytes, at: int, flags: int) -> Iterator[tuple[memoryview, bool]]:
    """Each block's bytes and whether they are stored as they are; Invalid if the frame does not end where it should."""
    view = memoryview(frame)
    checksum = 4 if flags & _BLOCK_CHECKSUM else 0
    while length := _word(frame, at):
        stop = at + 4 + (length & ~_STORED)
        if stop + checksum > len(frame):
            raise Invalid("an LZ4 frame is cut off inside a block")
        yield view[at + 4 : stop], bool(length & _STORED)
        at = stop + checksum
    if at + 4 + (4 if flags & _CONTENT_CHECKSUM else 0) != len(frame):
        raise Invalid("an LZ4 frame does not end where its bytes end")


def _word(frame: bytes, at: int) -> int:
    if at + 4 > len(frame):
        raise Invalid("an LZ4 frame is cut off")
    return int.from_bytes(frame[at : at + 4], "little")


def _decompress(data: memoryview, limit: int, window: bytes) -> bytes:
    try:
        return bytes(lz4.block.decompress(data, uncompressed_size=limit, dict=window))
    except lz4.block.LZ4BlockError as error:
        raise Invalid(f"an LZ4 block is malformed or larger than the {limit} bytes that were announced") from error
