"""The tensors that a model's page lists: some hundreds, however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from tukar.catalog.values import Entry
from tukar.errors import EntryNotFound
from tukar.gallery.views import TensorLine, Tensors, WeightFile, Weights
from tukar.usecases import describe
from tukar.usecases.services import Services

MAX_TENSORS: Final = 500
_ENDINGS: Final = (".safetensors", ".gguf")


def weights(services: Services, entries: Sequence[Entry], focus: str | None = None, start: int = 0) -> Weights:
    """The weight files among ``entries``, the tensors of the first ones listed.

    Args:
        focus: the one file to list the tensors of, from number ``start`` on. EntryNotFound if it holds none.
    """
    found = describe.summaries(services, entries)
    if focus is not None and focus not in found:
        raise EntryNotFound(f"{focus[:200]!r} is not a weight file of this model")
    sha256s = {entry.path: entry.sha256 for entry in entries if entry.sha256}
    wanted = {path: sha256s[path] for path in found if focus in (None, path)}
    listed = _list(services, wanted, start)
    files = (
        WeightFile(path, item.format, _most_first(item.parameters), listed.get(path)) for path, item in found.items()
    )
    return Weights(tuple(files), len(found) >= _candidates(entries), focus)


def _list(services: Services, sha256s: Mapping[str, str], start: int) -> dict[str, Tensors]:
    """The tensors of these files by path, ``MAX_TENSORS`` at most altogether."""
    listed: dict[str, Tensors] = {}
    room = MAX_TENSORS
    for path, sha256 in sha256s.items():
        if room == 0:
            break
        tensors = _tensors(services, sha256, start)
        listed[path] = Tensors(tensors.shown[:room], start, tensors.count)
        room -= len(listed[path].shown)
    return listed


# Cached, because a large header takes a second to read; a few, because each may be some 300 KB.
@lru_cache(maxsize=32)
def _tensors(services: Services, sha256: str, start: int) -> Tensors:
    found = describe.layout(services, sha256).tensors
    shown = (
        TensorLine(tensor.name, tensor.dtype, tensor.shape, tensor.nbytes)
        for tensor in found[start : start + MAX_TENSORS]
    )
    return Tensors(tuple(shown), start, len(found))


def _most_first(parameters: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(parameters, key=lambda pair: -pair[1]))


def _candidates(entries: Sequence[Entry]) -> int:
    """How many contents look like weights by the names of their files: only so many files are opened."""
    return len({entry.sha256 for entry in entries if entry.path.lower().endswith(_ENDINGS)})
