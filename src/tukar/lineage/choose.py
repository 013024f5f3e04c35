"""Which files of a repository are the weights of its model: one form of it, where it has several."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tukar.errors import NotFound

_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}(?=\.\w+$)")
_ENDINGS: Final = (".safetensors", ".gguf")
_PARTS: Final = ("adapter_", "optimizer", "training_args", "consolidated")  # no models, or the same one in other names


def weight_files(sizes: Mapping[str, int], what: str) -> list[str]:
    """The paths of one model's files: those of the outermost folder; safetensors rather than GGUF; ``model`` rather
    than other names; the largest one of several. Shards belong together.

    Args:
        sizes: of all files, in bytes, by path.
        what: they are of, for the error.

    Raises:
        NotFound: there are no weights in a format that can be read.
    """
    groups: dict[str, list[str]] = {}
    for path in sizes:
        if path.endswith(_ENDINGS) and not path.rpartition("/")[2].startswith(_PARTS):
            groups.setdefault(_SHARD.sub("", path), []).append(path)
    if not groups:
        raise NotFound(
            f"{what} has no weights in safetensors or GGUF",
            hint="an adapter alone is no model: merge it first; other formats can be converted",
        )
    best = min(groups, key=lambda name: (_rank(name), -sum(sizes[path] for path in groups[name]), name))
    return sorted(groups[best])


def _rank(name: str) -> tuple[int, bool, bool]:
    plain = name.rpartition("/")[2].removesuffix(".safetensors") in ("model", "diffusion_pytorch_model")
    return name.count("/"), not name.endswith(".safetensors"), not plain
