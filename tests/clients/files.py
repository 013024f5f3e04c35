"""Small models to push, and digests to compare. Contents come from a seed, so that a failure can be repeated."""

import hashlib
import json
import random
import struct
from collections.abc import Mapping
from pathlib import Path

Tensors = Mapping[str, tuple[str, list[int], bytes]]
CARD = """---
license: apache-2.0
tags:
- tests
---
# A model for tests

Ünïcode and *Markdown*.
"""


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def safetensors(tensors: Tensors, padding: int = 0) -> bytes:
    """A safetensors file: u64 header length, JSON header (padded by spaces), tensors back to back."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape, payload) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(payload)]}
        end += len(payload)
    encoded = json.dumps(header).encode() + b" " * padding
    return struct.pack("<Q", len(encoded)) + encoded + b"".join(payload for _, _, payload in tensors.values())


def weights(seed: int, rows: int = 64) -> Tensors:
    """Two BF16 matrices of `rows` x 256 (512 bytes a row) and an F32 vector."""
    return {
        f"layer.{seed}.q.weight": ("BF16", [rows, 256], noise(seed, rows * 512)),
        f"layer.{seed}.k.weight": ("BF16", [rows, 256], noise(seed + 1000, rows * 512)),
        f"layer.{seed}.norm": ("F32", [16], noise(seed + 2000, 64)),
    }


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def model(folder: Path, seed: int = 1, rows: int = 64) -> Path:
    """A model of one safetensors file."""
    tensors = {"model.safetensors": safetensors(weights(seed, rows))}
    return write(folder, {"config.json": b'{"model_type": "tests"}\n', "README.md": CARD.encode(), **tensors})


def sharded_model(folder: Path, seed: int = 1, rows: int = 64) -> Path:
    """A sharded model with its index, nested files, attributes and an empty file."""
    shards = {f"model-0000{n}-of-00002.safetensors": weights(seed + n, rows) for n in (1, 2)}
    weight_map = {tensor: shard for shard, tensors in shards.items() for tensor in tensors}
    size = sum(len(payload) for tensors in shards.values() for _, _, payload in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    return write(
        folder,
        {
            ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
            "README.md": CARD.encode(),
            "config.json": b'{"model_type": "tests"}\n',
            "model.safetensors.index.json": json.dumps(index, indent=2).encode(),
            "onnx/model.onnx": noise(seed + 50, 30_000),
            "onnx/quantized/model.onnx": noise(seed + 51, 30_000),
            "tokenizer/merges.txt": "a b\nä ö\n".encode(),
            "tokenizer/special/empty.txt": b"",
        }
        | {name: safetensors(tensors, padding=7) for name, tensors in shards.items()},
    )


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests(folder: Path | str) -> dict[str, str]:
    """The sha256 of every file, without the client's own notes in .cache/."""
    root = Path(folder)
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {name.as_posix(): digest(root / name) for name in names if name.parts[0] != ".cache"}


def blob_id(content: bytes) -> str:
    """The name git gives a blob: sha1 over its header and content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pointer(path: Path) -> bytes:
    """What git keeps of a file in LFS (the git-lfs specification, "The Pointer")."""
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest(path)}\nsize {path.stat().st_size}\n"
    return text.encode()
