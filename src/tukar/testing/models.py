"""Models for tests and benchmarks: tiny files in memory, and large ones streamed to disk. The weights are noise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Final

from tukar.formats.safetensors import nbytes, safetensors_header
from tukar.testing.gguf import tiny_gguf
from tukar.testing.weights import Shapes, weights

__all__ = [
    "TINY",
    "Shapes",
    "big_model",
    "big_safetensors",
    "llama_shapes",
    "tiny_gguf",
    "tiny_safetensors",
    "tiny_sharded",
]

TINY: Final[Shapes] = {
    "model.embed_tokens.weight": ("BF16", (32, 16)),
    "model.layers.0.mlp.weight": ("BF16", (48, 16)),
    "model.layers.0.norm.weight": ("F32", (16,)),
    "model.position_ids": ("I64", (1, 8)),
    "model.scale": ("F32", ()),
}


def tiny_safetensors(seed: int = 0, shapes: Shapes = TINY, metadata: Mapping[str, str] | None = None) -> bytes:
    """A small safetensors file, its tensors in the order of ``shapes``."""
    return b"".join(_safetensors(shapes, seed, metadata))


def tiny_sharded(seed: int = 0, shapes: Shapes = TINY, shards: int = 2) -> dict[str, bytes]:
    """A small model of several shards with its index and config: each path with its bytes."""
    names = list(shapes)
    groups = [{name: shapes[name] for name in names[first::shards]} for first in range(shards)]
    files = {
        _shard_name(index, shards): tiny_safetensors(seed, group, {"format": "pt"})
        for index, group in enumerate(groups)
    }
    return {**files, "model.safetensors.index.json": _index(groups), "config.json": _config(shapes)}


def big_safetensors(path: Path, shapes: Shapes, seed: int = 0) -> int:
    """Write a safetensors file of any size, holding less than a MiB of it at a time. Returns its size in bytes."""
    with path.open("wb") as file:
        return sum(file.write(run) for run in _safetensors(shapes, seed, {"format": "pt"}))


def big_model(folder: Path, shapes: Shapes, seed: int = 0, shard_bytes: int = 5 * 10**9) -> int:
    """Write a model into ``folder``: shards of at most ``shard_bytes`` (or one tensor), an index and a config.

    Returns the size of all shards in bytes.
    """
    groups = _split(shapes, shard_bytes)
    (folder / "model.safetensors.index.json").write_bytes(_index(groups))
    (folder / "config.json").write_bytes(_config(shapes))
    return sum(
        big_safetensors(folder / _shard_name(index, len(groups)), group, seed) for index, group in enumerate(groups)
    )


def llama_shapes(layers: int = 32, hidden: int = 4096, inner: int = 11008, vocabulary: int = 32000) -> Shapes:
    """The tensors of a LLaMA in bfloat16 (Touvron et al. 2023, arXiv:2302.13971); 13.5 GB with the 7B's defaults."""
    parts = {
        "input_layernorm.weight": (hidden,),
        "mlp.down_proj.weight": (hidden, inner),
        "mlp.gate_proj.weight": (inner, hidden),
        "mlp.up_proj.weight": (inner, hidden),
        "post_attention_layernorm.weight": (hidden,),
        **{f"self_attn.{part}_proj.weight": (hidden, hidden) for part in "koqv"},
    }
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(layers):
        shapes |= {f"model.layers.{layer}.{part}": shape for part, shape in parts.items()}
    shapes |= {"model.norm.weight": (hidden,), "lm_head.weight": (vocabulary, hidden)}
    return {name: ("BF16", shape) for name, shape in shapes.items()}


def _safetensors(shapes: Shapes, seed: int, metadata: Mapping[str, str] | None) -> Iterator[bytes]:
    yield safetensors_header(shapes, metadata)
    for name, (dtype, shape) in shapes.items():
        yield from weights(dtype, nbytes(dtype, shape), f"{seed}/{name}")


def _split(shapes: Shapes, shard_bytes: int) -> list[dict[str, tuple[str, tuple[int, ...]]]]:
    """The tensors in their order, as groups of at most ``shard_bytes`` or one tensor."""
    groups: list[dict[str, tuple[str, tuple[int, ...]]]] = [{}]
    room = shard_bytes
    for name, kind in shapes.items():
        room -= nbytes(*kind)
        if room < 0 and groups[-1]:
            groups.append({})
            room = shard_bytes - nbytes(*kind)
        groups[-1][name] = kind
    return groups


def _shard_name(index: int, count: int) -> str:
    return f"model-{index + 1:05}-of-{count:05}.safetensors"


def _index(groups: list[dict[str, tuple[str, tuple[int, ...]]]]) -> bytes:
    total = sum(nbytes(*kind) for group in groups for kind in group.values())
    weight_map = {name: _shard_name(index, len(groups)) for index, group in enumerate(groups) for name in group}
    return json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2).encode() + b"\n"


def _config(shapes: Shapes) -> bytes:
    parameters = sum(prod(shape) for _, shape in shapes.values())
    return json.dumps({"model_type": "noise", "parameters": parameters}, indent=2).encode() + b"\n"
