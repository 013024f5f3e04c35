"""Zstandard (RFC 8878), one frame a block.

A frame has its content size written in its header and uses no dictionary. A decoder sizes its memory by what the header
claims, so both the content size and the window are checked against the block's size before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from zstandard import MAGIC_NUMBER, ZstdCompressor, ZstdDecompressor, ZstdError, get_frame_parameters

from tukar.codecs.base import Buffer, Need, Source, TensorView
from tukar.errors import Corrupt

LEVEL: Final = 3
"""zstd's own default: higher levels gain little (of bf16 weights level 3 leaves 78.0 %, level 19 leaves 76.9 %)."""

_MAGIC: Final = MAGIC_NUMBER.to_bytes(4, "little")
_SMALLEST_WINDOW: Final = 1 << 10  # bytes; a frame header cannot say less (RFC 8878, 3.1.1.1.2)


class Zstd:
    """Codec 1: a block is a zstd frame, or its raw bytes where a frame would not be shorter."""

    id = 1
    name = "zstd"

    def encode(self, tensor: TensorView, bases: Sequence[Source], block_size: int) -> tuple[bytes, Iterator[bytes]]:
        """No meta, and a frame or raw bytes for each block."""
        return b"", _blocks(tensor.data, block_size)

    def needs(self, meta: bytes, start: int, stop: int) -> Sequence[Need]:
        """Nothing."""
        return ()

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        """The content of the frame ``data``.

        Corrupt if ``data`` is not exactly one well-formed frame with ``size`` bytes of content, shorter than those, and
        for any meta or needed bytes.
        """
        if meta or needed or len(data) >= size:
            raise Corrupt(f"not a zstd block of {size} bytes: {len(data)} bytes of data, {len(meta)} of meta")
        data = bytes(data)
        try:
            _check_header(data, size)
            return ZstdDecompressor().decompress(data, max_output_size=size, allow_extra_data=False)
        except ZstdError as error:
            raise Corrupt(f"not a zstd block of {size} bytes: {error}") from None


def _blocks(data: Source, block_size: int) -> Iterator[bytes]:
    compressor = ZstdCompressor(level=LEVEL)
    for start in range(0, data.size, block_size):
        raw = data.read(start, min(start + block_size, data.size))
        frame = compressor.compress(raw)
        yield frame if len(frame) < len(raw) else bytes(raw)


def _check_header(data: bytes, size: int) -> None:
    """Corrupt unless ``data`` begins a frame that claims ``size`` bytes of content and a window no larger."""
    frame = get_frame_parameters(data)
    if not data.startswith(_MAGIC) or frame.content_size != size:
        raise Corrupt(f"not a zstd frame with {size} bytes of content")
    if frame.window_size > max(size, _SMALLEST_WINDOW) or frame.dict_id:
        raise Corrupt(f"a zstd frame with a window of {frame.window_size} bytes, or a dictionary, for {size} bytes")
