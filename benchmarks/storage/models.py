"""The models of the families, tensor by tensor, each beside its base."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAMILIES = ("minilm", "llm")
_EMBEDDINGS = re.compile(r"embed|lm_head")
_GROUPS = {"minilm/a": "heavy", "minilm/b": "light", "minilm/e": "heavy"}
"""Full fine-tunes of MiniLM by how far they went; those of the other family are called so."""
_DTYPES = {"bf16": "BF16", "f16": "F16", "f32": "F32"}


@dataclass(frozen=True)
class Known:
    """What a decoder knows of a tensor: the base's bytes, if there is one, and what the elements are."""

    dtype: str
    shape: tuple[int, ...]
    size: int
    base: bytes | None = None


@dataclass(frozen=True)
class Tensor:
    """A tensor to encode."""

    name: str
    known: Known
    raw: bytes

    @property
    def is_linear(self) -> bool:
        """Whether it is the matrix of a linear layer: what most of a large model is made of."""
        return len(self.known.shape) == 2 and not _EMBEDDINGS.search(self.name)


@dataclass(frozen=True)
class Model:
    """A model as ``family.json`` records it."""

    family: str
    name: str
    kind: str
    parents: tuple[str, ...]
    dtype: str
    sha256: str
    path: Path

    @property
    def id(self) -> str:
        """Family and name."""
        return f"{self.family}/{self.name}"

    @property
    def group(self) -> str:
        """What it is evidence for: heavy, middle and light full fine-tunes in bf16, or something else."""
        if not self.parents:
            return f"base {self.dtype}"
        if self.dtype != "bf16":
            return self.dtype
        if self.kind not in ("full", "more"):
            return self.kind
        return _GROUPS.get(self.id) or self.name.partition("-")[0]


def models(folder: Path, families: tuple[str, ...]) -> list[Model]:
    """Those that ``python -m benchmarks.families`` has made, parents before their children."""
    found = []
    for family in families:
        index = folder / family / "family.json"
        if not index.exists():
            raise SystemExit(f"{index} is missing: run 'make families'")
        for name, record in json.loads(index.read_text())["models"].items():
            found.append(_model(folder, family, name, record))
    return found


def _model(folder: Path, family: str, name: str, record: Mapping[str, Any]) -> Model:
    path = folder / family / record["file"]
    return Model(family, name, record["kind"], tuple(record["parents"]), record["dtype"], record["sha256"], path)


def tensors(model: Model, parent: Model | None) -> list[Tensor]:
    """The tensors of a model in the order of its file, each with the one of the same name of its parent."""
    bases = dict(_read(parent.path)) if parent else {}
    found = []
    for name, (dtype, shape, raw) in _read(model.path):
        base = bases.get(name)
        beside = base[2] if base is not None and base[:2] == (dtype, shape) else None
        found.append(Tensor(name, Known(dtype, shape, len(raw), beside), raw))
    return found


def joined(name: str, parts: list[Tensor], dtype: str) -> Tensor:
    """Tensors one after another, for tools that know files alone."""
    bases = [part.known.base for part in parts]
    base = None if None in bases else b"".join(base for base in bases if base is not None)
    raw = b"".join(part.raw for part in parts)
    return Tensor(name, Known(_DTYPES[dtype], (), len(raw), base), raw)


def _read(path: Path) -> Iterator[tuple[str, tuple[str, tuple[int, ...], bytes]]]:
    """Each tensor of a safetensors file: https://huggingface.co/docs/safetensors#format."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            start, stop = entry["data_offsets"]
            file.seek(8 + length + start)
            yield name, (entry["dtype"], tuple(entry["shape"]), file.read(stop - start))


def parent_of(model: Model, among: list[Model]) -> Model | None:
    """The first of a model's parents; None for what was published."""
    wanted = f"{model.family}/{next(iter(model.parents), '')}"
    return next((each for each in among if each.id == wanted), None)
