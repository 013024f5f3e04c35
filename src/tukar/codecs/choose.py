"""Which codec a tensor lands with: decided from a few samples, before anything is known of its relatives."""

from __future__ import annotations

from statistics import median_high
from typing import Final

from zstandard import ZstdCompressor

from tukar.codecs.base import Codec, Source, TensorView
from tukar.codecs.raw import Raw
from tukar.codecs.zstd import Zstd

SAMPLE: Final = 64 << 10
"""Bytes of a sample: at three samples a tensor, level 1 looks at them in well under a millisecond."""

WORTH: Final = 0.7
"""The ratio of compressed to raw bytes at or below which zstd pays.

Weights do not pay: zstd leaves 78 % of bf16 and decodes at 0.8 GB/s what is read raw at the speed of memory, and float
codecs get more when the tensor is repacked. Text, tables, masks and weights with repeated bytes are well below.
"""


def choose(tensor: TensorView, block_size: int) -> Codec:
    """``Zstd`` where most samples of the first, middle and last block shrink to ``WORTH`` or less, otherwise ``Raw``.

    Most of them, not their mean: embeddings often end in rows of zeros, which say nothing about the rest. Reads at most
    three samples; what fits into one is tried whole.
    """
    compressor = ZstdCompressor(level=1)
    samples = [tensor.data.read(start, stop) for start, stop in _places(tensor.data, block_size)]
    ratios = [len(compressor.compress(sample)) / len(sample) for sample in samples]
    return Zstd() if ratios and median_high(ratios) <= WORTH else Raw()


def _places(data: Source, block_size: int) -> list[tuple[int, int]]:
    """Up to three ranges, each inside one block, because blocks are compressed one by one."""
    blocks = -(-data.size // block_size)
    starts = sorted({index * block_size for index in (0, blocks // 2, blocks - 1)})
    return [(start, min(start + block_size, start + SAMPLE, data.size)) for start in starts if 0 <= start < data.size]
