"""Which files of a repository are the weights of its model: one form of it, where it has several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tukar.errors import NotFound

_SHARD: Final = re.compile(r"-(\d{5})-of-(\d{5})(?=\.\w+$)")
_ENDINGS: Final = (".safetensors", ".gguf")
_PARTS: Final = ("adapter_", "optimizer", "training_args", "consolidated")  # no models, or the same one in other names


def weight_files(sizes: Mapping[str, int], what: str) -> list[str]:
    """The paths of one model's files: those of the outermost folder; safetensors rather than GGUF; ``model`` rather
    than other names; the largest one of several. Shards belong together.

    Args:
        sizes: of all files, in bytes, by path.
        what: they are of, for the error.

    Raises:
        NotFound: there are no weights in a format that can be read, or some of the shards are missing.
    """
    groups: dict[str, list[str]] = {}
    for path in sizes:
        if path.endswith(_ENDINGS) and not path.rpartition("/")[2].startswith(_PARTS):
            groups.setdefault(_SHARD.sub(r"-of-\2", path), []).append(path)
    if not groups:
        raise NotFound(
            f"{what} has no weights in safetensors or GGUF",
            hint="an adapter alone is no model: merge it first; other formats can be converted",
        )
    best = min(groups, key=lambda name: (_rank(name), -sum(sizes[path] for path in groups[name]), name))
    _check_whole(groups[best], what)
    return sorted(groups[best])


def _check_whole(paths: Sequence[str], what: str) -> None:
    """A model without some of its shards looks like one that layers were taken from."""
    found = {int(shard[1]): shard for path in paths if (shard := _SHARD.search(path)) is not None}
    if not found:
        return
    some = next(iter(found.values()))
    missing = [number for number in range(1, int(some[2]) + 1) if number not in found]
    if missing:
        name = f"{some.string[: some.start()]}-{missing[0]:05}-of-{some[2]}{some.string[some.end() :]}"
        rest = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise NotFound(f"{what} lacks a part of its weights: {name}{rest}", hint="fetch what is missing")


def _rank(name: str) -> tuple[int, bool, bool]:
    stem = re.sub(r"-of-\d{5}$", "", name.rpartition("/")[2].removesuffix(".safetensors"))
    plain = stem in ("model", "diffusion_pytorch_model")
    return name.count("/"), not name.endswith(".safetensors"), not plain
