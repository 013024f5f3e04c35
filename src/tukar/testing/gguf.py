"""Small GGUF files for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

from tukar.formats.ggml import TYPES
from tukar.testing.weights import Shapes, weights

_NUMBERS: Final = {kind.name: number for number, kind in TYPES.items()}

TINY_GGUF: Final[Shapes] = {
    "token_embd.weight": ("Q4_1", (6, 32)),
    "blk.0.attn_norm.weight": ("F32", (5,)),
    "blk.0.ffn_up.weight": ("Q6_K", (3, 256)),
    "output.weight": ("F16", (3, 7)),
}

TINY_METADATA: Final[Mapping[str, object]] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "llama.block_count": 1,
    "llama.rope.freq_base": 10000.0,
    "tokenizer.ggml.add_bos_token": True,
    "general.languages": ["en", "id"],
    "tokenizer.ggml.tokens": [f"token {index}" for index in range(100)],
    "tokenizer.ggml.scores": [0.5] * 100,
}


def tiny_gguf(
    seed: int = 0,
    shapes: Shapes = TINY_GGUF,
    metadata: Mapping[str, object] = TINY_METADATA,
    *,
    version: int = 3,
    alignment: int = 32,
) -> bytes:
    """A small GGUF file. Shapes are given outermost dimension first; quantised types in whole blocks."""
    if alignment != 32:
        metadata = {**metadata, "general.alignment": alignment}
    infos, offset, data = b"", 0, b""
    for name, (dtype, shape) in shapes.items():
        infos += tensor_info(name, _NUMBERS[dtype], shape[::-1], offset)
        data += _pad(b"".join(weights(dtype, _nbytes(dtype, shape), f"{seed}/{name}")), alignment)
        offset = len(data)
    return _pad(gguf_start(len(shapes), metadata, version) + infos, alignment) + data


def gguf_start(tensor_count: int, metadata: Mapping[str, object], version: int = 3) -> bytes:
    """A file's magic, version, counts and metadata."""
    pairs = b"".join(_string(key) + typed(value) for key, value in metadata.items())
    return b"GGUF" + struct.pack("<IQQ", version, tensor_count, len(metadata)) + pairs


def tensor_info(name: str, number: int, ne: Sequence[int], offset: int) -> bytes:
    """One tensor's description: ``ne`` innermost dimension first, ``offset`` from the start of the data."""
    return _string(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, number, offset)


def typed(value: object) -> bytes:
    """A metadata value with its type: UINT32, FLOAT32, BOOL, STRING or ARRAY; ``bytes`` are written as they are."""
    match value:
        case bytes():
            return value
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _string(value)
        case list():
            elements = [typed(element) for element in value]
            kind = elements[0][:4] if elements else struct.pack("<I", 4)
            return struct.pack("<I4sQ", 9, kind, len(elements)) + b"".join(element[4:] for element in elements)
    raise TypeError(f"no GGUF type for {value!r}")


def _nbytes(dtype: str, shape: tuple[int, ...]) -> int:
    kind = TYPES[_NUMBERS[dtype]]
    return prod(shape) // kind.elements * kind.nbytes


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _pad(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)
