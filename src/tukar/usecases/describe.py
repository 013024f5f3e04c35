"""What is inside weight files, for people and programs that look at a repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

from tukar import formats
from tukar.catalog.values import Entry
from tukar.objects import index
from tukar.types import Layout
from tukar.usecases.services import Services

_PARAMETERS_LIMIT: Final = 64  # weight files of a repository that are opened to count their parameters


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of one file: parameters by dtype, and the file's own metadata."""

    format: str
    parameters: tuple[tuple[str, int], ...]
    metadata: tuple[tuple[str, object], ...]


def layout(services: Services, sha256: str) -> Layout:
    """The tensors of a stored file."""
    return formats.open_file(services.objects.open_sha256(sha256))


@lru_cache(maxsize=512)
def _summary(services: Services, sha256: str) -> Weights:
    found = layout(services, sha256)
    counted: Counter[str] = Counter()
    for tensor in found.tensors:
        counted[tensor.dtype] += prod(tensor.shape)
    kept = tuple(
        (key, value) for key, value in found.metadata.items() if isinstance(value, str | int) and len(key) < 100
    )
    return Weights(found.format, tuple(sorted(counted.items())), kept[:64])


def summaries(services: Services, entries: Iterable[Entry]) -> dict[str, Weights]:
    """By path, what is in those of these files that have tensors."""
    wanted = {entry.sha256: entry.path for entry in entries if entry.sha256}
    with services.database.read() as tx:
        stored = index.find_files(tx, wanted)
    opened = [sha256 for sha256 in wanted if sha256 in stored and stored[sha256].format != "opaque"]
    return {wanted[sha256]: _summary(services, sha256) for sha256 in opened[:_PARAMETERS_LIMIT]}


def weights(services: Services, entries: Iterable[Entry]) -> dict[str, Any]:
    """``safetensors`` and ``gguf`` of a model's information, as the Hub tells them."""
    found = summaries(services, entries).values()
    value: dict[str, Any] = {}
    parameters: Counter[str] = Counter()
    for item in found:
        if item.format == "safetensors":
            parameters.update(dict(item.parameters))
    if parameters:
        value["safetensors"] = {"parameters": dict(parameters), "total": parameters.total()}
    gguf = next((item for item in found if item.format == "gguf"), None)
    if gguf is not None:
        metadata = dict(gguf.metadata)
        architecture = metadata.get("general.architecture")
        value["gguf"] = {
            "total": sum(count for _, count in gguf.parameters),
            "architecture": architecture,
            "context_length": metadata.get(f"{architecture}.context_length"),
        }
    return value
