"""The tensors that a model's page lists: some hundreds, however many there are."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
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


@dataclass(frozen=True, slots=True)
class _Packed:
    """All tensors of a file: how many, and pages of ``MAX_TENSORS`` as compressed JSON, some 10 bytes a tensor."""

    count: int
    pages: tuple[bytes, ...]


def _tensors(services: Services, sha256: str, start: int) -> Tensors:
    packed = _pack(services, sha256)
    first, before = divmod(start, MAX_TENSORS)
    rows = [row for page in packed.pages[first : first + 2] for row in json.loads(zlib.decompress(page))]
    shown = (TensorLine(name, dtype, tuple(shape), size) for name, dtype, shape, size in rows)
    return Tensors(tuple(islice(shown, before, before + MAX_TENSORS)), start, packed.count)


# Cached, because a header of 100,000 tensors takes seconds to read, and there are 200 pages of them.
@lru_cache(maxsize=4)
def _pack(services: Services, sha256: str) -> _Packed:
    found = describe.layout(services, sha256).tensors
    rows = [(tensor.name, tensor.dtype, tensor.shape, tensor.nbytes) for tensor in found]
    pages = (json.dumps(rows[at : at + MAX_TENSORS]) for at in range(0, len(rows), MAX_TENSORS))
    return _Packed(len(rows), tuple(zlib.compress(page.encode(), 1) for page in pages))


def _most_first(parameters: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(parameters, key=lambda pair: -pair[1]))


def _candidates(entries: Sequence[Entry]) -> int:
    """How many contents look like weights by the names of their files: only so many files are opened."""
    return len({entry.sha256 for entry in entries if entry.path.lower().endswith(_ENDINGS)})
