"""The files of the golden stores: made here, byte by byte, from nothing that may change with Tukar.

Never change a file: a new version of the format gets files of its own.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

from blake3 import blake3

Tensors = Mapping[str, tuple[str, list[int], bytes]]


def noise(size: int, seed: str) -> bytes:
    """Bytes that no compressor shrinks."""
    return blake3(seed.encode()).digest(length=size)


def text(lines: int) -> bytes:
    """Bytes that every compressor shrinks."""
    return "".join(f"{number}: tukar is Indonesian for exchange.\n" for number in range(lines)).encode()


def safetensors(tensors: Tensors) -> bytes:
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", len(encoded)) + encoded + data


def gguf(raw: bytes) -> bytes:
    """One F32 tensor, and padding before it."""
    key, name = b"general.architecture", b"blk.0.weight"
    pair = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, 5) + b"llama"
    info = struct.pack("<Q", len(name)) + name + struct.pack("<IQIQ", 1, len(raw) // 4, 0, 0)
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + pair + info
    return start + bytes(-len(start) % 32) + raw


_EMBEDDING = noise(6000, "embedding")
_BASE: Tensors = {
    "embedding": ("BF16", [30, 100], _EMBEDDING),
    "layer.weight": ("BF16", [40, 50], noise(4000, "layer")),
    "layer.norm": ("F32", [25], noise(100, "norm")),
    "tied": ("BF16", [30, 100], _EMBEDDING),
    "empty": ("F32", [0, 4], b""),
    "scalar": ("F32", [], noise(4, "scalar")),
}
_MASK = bytes(range(8)) * 700

V1_RAW: Mapping[str, bytes] = {
    "base.safetensors": safetensors(_BASE),
    "fine-tune.safetensors": safetensors({**_BASE, "layer.weight": ("BF16", [40, 50], noise(4000, "tuned"))}),
    "model.gguf": gguf(noise(4400, "gguf")),
    "noise.bin": noise(20_000, "opaque"),
    "byte": b"\x00",
    "empty": b"",
}
"""Nothing in them is worth compressing: their packs are the same bytes whatever the version of zstd."""

V1_ZSTD: Mapping[str, bytes] = {
    "README.md": text(100),
    "LICENSE": text(30),
    "mask.safetensors": safetensors({"mask": ("U8", [5600], _MASK), "embedding": _BASE["embedding"]}),
    "mixed.bin": _MASK[:4096] + noise(2048, "mixed") + _MASK[:4096],
}
"""Compressible, with blocks that are not, and with an object of the store before."""

V1_LARGE: Mapping[str, bytes] = {"zeros.bin": bytes((1 << 20) + 70_001)}
"""In blocks of 1 MiB."""
