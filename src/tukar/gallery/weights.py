"""The tensors that a model's page lists: some hundreds, however many there are."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from tukar.catalog.values import Entry, Identity
from tukar.errors import EntryNotFound
from tukar.gallery import kinship
from tukar.gallery.views import TensorLine, Tensors, WeightFile, Weights
from tukar.usecases import describe, encodings
from tukar.usecases.encodings import Run
from tukar.usecases.services import Services

MAX_TENSORS: Final = 500
_ENDINGS: Final = (".safetensors", ".gguf")


def weights(
    services: Services, identity: Identity, entries: Sequence[Entry], focus: str | None = None, start: int = 0
) -> Weights:
    """The weight files among ``entries``, the tensors of the first ones listed.

    Args:
        focus: the one file to list the tensors of, from number ``start`` on. EntryNotFound if it holds none.
    """
    found = describe.summaries(services, entries)
    if focus is not None and focus not in found:
        raise EntryNotFound(f"{focus[:200]!r} is not a weight file of this model")
    sha256s = {entry.path: entry.sha256 for entry in entries if entry.sha256}
    wanted = {path: sha256s[path] for path in found if focus in (None, path)}
    listed = _list(services, identity, wanted, start)
    files = (
        WeightFile(path, item.format, _most_first(item.parameters), listed.get(path)) for path, item in found.items()
    )
    return Weights(tuple(files), len(found) >= _candidates(entries), focus)


def _list(services: Services, identity: Identity, sha256s: Mapping[str, str], start: int) -> dict[str, Tensors]:
    """The tensors of these files by path, ``MAX_TENSORS`` at most altogether."""
    listed: dict[str, Tensors] = {}
    room = MAX_TENSORS
    for path, sha256 in sha256s.items():
        if room == 0:
            break
        packed = _pack(services, sha256)
        rows = list(islice(_rows(packed, start), room))
        listed[path] = Tensors(_lines(services, identity, sha256, rows), start, packed.count)
        room -= len(listed[path].shown)
    return listed


@dataclass(frozen=True, slots=True)
class _Packed:
    """All tensors of a file: how many, and pages of ``MAX_TENSORS`` as compressed JSON, some 10 bytes a tensor."""

    count: int
    pages: tuple[bytes, ...]


def _rows(packed: _Packed, start: int) -> Iterator[Any]:
    """The rows of a page of tensors."""
    first, before = divmod(start, MAX_TENSORS)
    rows = (row for page in packed.pages[first : first + 2] for row in json.loads(zlib.decompress(page)))
    return islice(rows, before, before + MAX_TENSORS)


def _lines(services: Services, identity: Identity, sha256: str, rows: Sequence[Any]) -> tuple[TensorLine, ...]:
    runs = encodings.runs(services, identity, sha256, [row[-1] for row in rows])
    return tuple(
        TensorLine(name, dtype, tuple(shape), size, **_stored(runs.get(at))) for name, dtype, shape, size, at in rows
    )


def _stored(run: Run | None) -> dict[str, Any]:
    """How a tensor is stored; nothing of one that is not a part by itself."""
    if run is None:
        return {}
    return {"stored": run.stored, "encoding": run.encoding, "relative": kinship.relative(run.origin)}


# Cached, because a header of 100,000 tensors takes seconds to read, and there are 200 pages of them.
@lru_cache(maxsize=4)
def _pack(services: Services, sha256: str) -> _Packed:
    found = describe.layout(services, sha256).tensors
    rows = [(tensor.name, tensor.dtype, tensor.shape, tensor.nbytes, tensor.start) for tensor in found]
    pages = (json.dumps(rows[at : at + MAX_TENSORS]) for at in range(0, len(rows), MAX_TENSORS))
    return _Packed(len(rows), tuple(zlib.compress(page.encode(), 1) for page in pages))


def _most_first(parameters: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(parameters, key=lambda pair: -pair[1]))


def _candidates(entries: Sequence[Entry]) -> int:
    """How many contents look like weights by the names of their files: only so many files are opened."""
    return len({entry.sha256 for entry in entries if entry.path.lower().endswith(_ENDINGS)})
