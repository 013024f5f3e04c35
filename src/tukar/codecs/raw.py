"""Raw: the bytes as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tukar.codecs.base import Buffer, Need, Source, TensorView
from tukar.errors import Corrupt


class Raw:
    """Codec 0: a block is its raw bytes."""

    id = 0
    name = "raw"

    def encode(self, tensor: TensorView, bases: Sequence[Source], block_size: int) -> tuple[bytes, Iterator[bytes]]:
        """No meta, and the tensor cut into blocks."""
        data = tensor.data
        starts = range(0, data.size, block_size)
        return b"", (bytes(data.read(start, min(start + block_size, data.size))) for start in starts)

    def needs(self, meta: bytes, start: int, stop: int) -> Sequence[Need]:
        """Nothing."""
        return ()

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        """``data``, if it has ``size`` bytes; Corrupt if not, and for any meta or needed bytes."""
        if meta or needed or len(data) != size:
            raise Corrupt(f"not a raw block of {size} bytes: it has {len(data)}")
        return data
