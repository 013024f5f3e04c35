"""The index of a sharded model: which file holds which tensor.

``model.safetensors.index.json`` is JSON: ``{"metadata": {"total_size": ...}, "weight_map": {tensor: file}}``.
Source: https://huggingface.co/docs/transformers/big_models#sharded-checkpoints. To the store it is opaque content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tukar.errors import Invalid
from tukar.formats import strict_json
from tukar.formats.bounds import MAX_TENSORS
from tukar.types import check_path

MAX_INDEX: Final = 32 << 20
"""Bytes of an index: 131,072 tensors at 200 bytes each, and some more."""

MAX_CONTAINERS: Final = 1000
"""Objects and lists in an index. It needs three; brackets in names count as well."""


def parse_index(data: bytes) -> Mapping[str, str]:
    """The ``weight_map`` of an index: each tensor's name to its shard, a path relative to the index.

    Invalid if ``data`` is not an index, says a thing twice, names a path that leaves the folder, or is too large.
    """
    _check_size(data)
    try:
        match strict_json.parse(data):
            case {"weight_map": dict(members)}:
                weight_map = {strict_json.text(name): strict_json.text(shard) for name, shard in members.items()}
            case _:
                raise ValueError("there is no weight_map from names to files")
    except ValueError as error:
        raise Invalid(f"not an index of shards: {error}") from None
    for shard in set(weight_map.values()):
        check_path(shard)
    return weight_map


def _check_size(data: bytes) -> None:
    """Bound how many values JSON can make of ``data`` before it makes them."""
    if len(data) > MAX_INDEX or data.count(b",") > MAX_TENSORS + MAX_CONTAINERS:
        raise Invalid(f"an index of shards has at most {MAX_INDEX} bytes and {MAX_TENSORS} tensors")
    if data.count(b"{") + data.count(b"[") > MAX_CONTAINERS:
        raise Invalid(f"an index of shards has at most {MAX_CONTAINERS} objects and lists")
