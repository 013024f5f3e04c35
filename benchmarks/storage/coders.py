"""What is compared: Tukar's kernels, XOR with zstd, and zstd alone. Peers that come from elsewhere are in ``peers``.

Everything is in memory, from bytes to bytes. A decoder is given what ``Known`` says and yields what it decodes piece by
piece; nothing of that is kept, as when it is sent on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import zstandard

from benchmarks.storage.models import Known, Tensor
from tukar.codecs.base import Buffer, TensorView
from tukar.codecs.context import Coded, Delta, kernels, meta
from tukar.codecs.context.layout import Kernel
from tukar.codecs.context.native import Native
from tukar.objects.encoding import BLOCK_SIZE
from tukar.objects.sources import HeldSource

FEW = ("minilm/a", "minilm/b")
"""What is measured with coders that would take an hour for all."""


@dataclass(frozen=True)
class Stored:
    """A tensor as it is stored: how many bytes, and these, however they are kept."""

    size: int
    kept: Any


class Coder(Protocol):
    """A tool.

    Attributes:
        takes_files: it is given whole files, because it knows nothing of tensors.
        is_slow: it is measured once, however many rounds there are.
        only: the models that it is measured with; None for all.
        note: what else a reader has to know.
    """

    name: str
    takes_files: bool
    is_slow: bool
    only: Sequence[str] | None
    note: str

    def prepare(self, tensor: Tensor) -> None:
        """Do what is no part of encoding."""

    def encode(self, tensor: Tensor) -> Stored:
        """Beside the base where there is one."""

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        """The bytes, in order."""


class Tensorwise:
    """The usual: a tensor at a time, as often as there are rounds."""

    takes_files = False
    is_slow = False
    only: Sequence[str] | None = None
    note = ""

    def prepare(self, tensor: Tensor) -> None:
        """Nothing."""


class Tukar(Tensorwise):
    """The codecs of Tukar, in blocks as in its store, with one of its kernels."""

    def __init__(self, name: str, kernel: Kernel, only: Sequence[str] | None = None) -> None:
        self.name, self._kernel, self.only = name, kernel, only

    def encode(self, tensor: Tensor) -> Stored:
        self.choose()
        known = tensor.known
        view = TensorView(HeldSource(tensor.raw), known.dtype, known.shape)
        codec = Coded() if known.base is None else Delta()
        head, blocks = codec.encode(view, () if known.base is None else (HeldSource(known.base),), BLOCK_SIZE)
        kept = list(blocks)
        return Stored(len(head) + sum(map(len, kept)), (head, kept))

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        self.choose()
        for start in self.blocks(known):
            yield self.block(stored, known, start)

    def blocks(self, known: Known) -> range:
        """Where they begin."""
        return range(0, known.size, BLOCK_SIZE)

    def block(self, stored: Stored, known: Known, start: int) -> Buffer:
        """One of them; ``choose`` comes before the first."""
        head, blocks = stored.kept
        block, size = blocks[start // BLOCK_SIZE], min(BLOCK_SIZE, known.size - start)
        if len(block) == size:
            return bytes(block)
        if known.base is None:
            return Coded().decode(head, block, start, size, ())
        return Delta().decode(head, block, start, size, (memoryview(known.base)[start : start + size],))

    def choose(self) -> None:
        """Let all of Tukar work with this kernel, and forget what was read by others."""
        kernels.kernel = lambda: self._kernel  # type: ignore[assignment]
        meta.opened.cache_clear()


class Xor(Tensorwise):
    """XOR with the base, and zstd: BitX of ZipLLM (arXiv:2505.06252). Without a base zstd alone.

    Args:
        step: bytes that are coded at a time; None for whole tensors, as in the paper.
    """

    def __init__(self, name: str, step: int | None = None, level: int = 3) -> None:
        self.name, self._step = name, step
        self._compressor, self._decompressor = zstandard.ZstdCompressor(level=level), zstandard.ZstdDecompressor()

    def encode(self, tensor: Tensor) -> Stored:
        base = tensor.known.base
        kept = []
        for start, stop in self._ranges(tensor.known):
            raw = memoryview(tensor.raw)[start:stop]
            kept.append(self._compressor.compress(raw if base is None else xor(raw, memoryview(base)[start:stop])))
        return Stored(sum(map(len, kept)), kept)

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        for data, (start, stop) in zip(stored.kept, self._ranges(known), strict=True):
            raw = self._decompressor.decompress(data)
            yield raw if known.base is None else xor(raw, memoryview(known.base)[start:stop])

    def _ranges(self, known: Known) -> list[tuple[int, int]]:
        step = self._step or known.size or 1
        return [(start, min(start + step, known.size)) for start in range(0, known.size, step)]


def xor(left: Buffer, right: Buffer) -> memoryview:
    """Of as many bytes."""
    width = "<u8" if len(left) % 8 == 0 else "u1"
    mixed = np.bitwise_xor(np.frombuffer(left, width), np.frombuffer(right, width))
    return memoryview(mixed).cast("B")


class Zstd(Tensorwise):
    """zstd by itself, whatever the base."""

    name = "zstd -3"

    def __init__(self) -> None:
        self._compressor, self._decompressor = zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor()

    def encode(self, tensor: Tensor) -> Stored:
        data = self._compressor.compress(tensor.raw)
        return Stored(len(data), data)

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        yield self._decompressor.decompress(stored.kept)


class ZstdDictionary(Tensorwise):
    """zstd with the base as its dictionary, as ``zstd --patch-from`` does, in a window that holds both."""

    name = "zstd -3, base as dictionary"
    is_slow = True
    _MOST: ClassVar = 31

    def encode(self, tensor: Tensor) -> Stored:
        known = tensor.known
        if known.base is None:
            return Zstd().encode(tensor)
        window = min(max((2 * known.size).bit_length(), 10), self._MOST)
        parameters = zstandard.ZstdCompressionParameters.from_level(
            3, window_log=window, enable_ldm=True, source_size=known.size
        )
        given = zstandard.ZstdCompressionDict(known.base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        data = zstandard.ZstdCompressor(dict_data=given, compression_params=parameters).compress(tensor.raw)
        return Stored(len(data), data)

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        given = None
        if known.base is not None:
            given = zstandard.ZstdCompressionDict(known.base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        yield zstandard.ZstdDecompressor(dict_data=given, max_window_size=1 << self._MOST).decompress(stored.kept)


BITX = "XOR + zstd -3 (BitX)"
BITX_BLOCKS = "XOR + zstd -3 (BitX), blocks of 1 MiB"
TUKAR = "Tukar"


def own() -> list[Coder]:
    """Those that need nothing but Tukar's own packages; of Tukar's kernels all that work on this machine."""
    from tukar.codecs.context.reference import Reference  # slow to import

    found: list[Coder] = []
    try:
        levels = [Native(kernels.LIBRARY, level) for level in (2, 1, 0)]
    except OSError:
        levels = []
    for wanted, kernel in zip((2, 1, 0), levels, strict=False):
        if kernel.level == wanted:
            found.append(Tukar(_tukar(kernel), kernel))
    found.append(Tukar(f"{TUKAR}, numba", Reference(), FEW))
    return [*found, Xor(BITX), Xor(BITX_BLOCKS, BLOCK_SIZE), Zstd(), ZstdDictionary()]


def _tukar(kernel: Native) -> str:
    return f"{TUKAR}, {('plain C', 'AVX2', 'AVX-512')[kernel.level]}"
