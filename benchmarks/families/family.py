"""Make the models of a family that are missing, one after another, and keep a record of each in ``family.json``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from benchmarks.families.files import digest, replace
from benchmarks.families.recipes import Family, Recipe, Weights
from benchmarks.families.training import Report, fine_tune, held_out_loss

DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}

Record = dict[str, Any]
"""What family.json says of one model."""


class Workshop:
    """A folder with one folder a model, and ``family.json`` beside them.

    Whoever is killed here loses the model under way; what is recorded is whole.
    """

    def __init__(self, family: Family, folder: Path, circumstances: Record) -> None:
        self._family = family
        self._folder = folder
        self._circumstances = circumstances
        self._index = folder / "family.json"
        self._records: dict[str, Record] = {}
        if self._index.exists():
            self._records = json.loads(self._index.read_text())["models"]

    def make(self) -> None:
        """Make what is missing, or was made by another recipe or from another parent."""
        for name, recipe in self._family.recipes.items():
            wanted = json.loads(json.dumps(asdict(recipe))) | {"parent_sha256": self._parents(recipe)}
            if self._stands(name, wanted):
                continue
            started = time.monotonic()
            record = self._make(name, recipe)
            self._records[name] = wanted | record | {"seconds": round(time.monotonic() - started, 1)}
            self._record()
            print(f"{self._family.name} {name}: {_summary(self._records[name])}", flush=True)

    def _parents(self, recipe: Recipe) -> list[str]:
        return [self._records[parent]["sha256"] for parent in recipe.parents]

    def _stands(self, name: str, wanted: Record) -> bool:
        record = self._records.get(name, {})
        path = self._path(name)
        same = all(record.get(key) == value for key, value in wanted.items())
        return same and path.exists() and path.stat().st_size == record["bytes"]

    def _make(self, name: str, recipe: Recipe) -> Record:
        weights, facts = self._weights(name, recipe)
        path = self._path(name)
        replace(path, save(weights, metadata={"format": "pt"}))
        facts["loss"]["after"] = held_out_loss(self._family, _floats(weights, "f32"))
        file = {"file": str(path.relative_to(self._folder)), "bytes": path.stat().st_size, "sha256": digest(path)}
        return file | facts

    def _weights(self, name: str, recipe: Recipe) -> tuple[Weights, Record]:
        """The model in its own dtype, the loss of its first parent, and the tokens that were seen."""
        if recipe.kind == "published":
            return _floats(self._family.published(), recipe.dtype), {"tokens": 0, "loss": {}}
        parents = [_floats(load_file(self._path(parent)), "f32") for parent in recipe.parents]
        before = held_out_loss(self._family, parents[0])
        if recipe.kind == "average":
            weights, seen = _average(parents), 0
        else:
            weights, seen = fine_tune(self._family, parents[0], recipe, self._progress(name, recipe))
        return _floats(weights, recipe.dtype), {"tokens": seen, "loss": {"before": before}}

    def _progress(self, name: str, recipe: Recipe) -> Report:
        def report(step: int, loss: float) -> None:
            if step % 20 == 0:
                print(f"{self._family.name} {name}: step {step} of {recipe.steps}, loss {loss:.3f}", flush=True)

        return report

    def _path(self, name: str) -> Path:
        return self._folder / name / "model.safetensors"

    def _record(self) -> None:
        content = {
            "family": self._family.name,
            "source": self._family.source,
            "made_with": self._circumstances,
            "models": {name: self._records[name] for name in self._family.recipes if name in self._records},
        }
        replace(self._index, (json.dumps(content, indent=2) + "\n").encode())


def _floats(weights: Weights, dtype: str) -> Weights:
    """All floats in ``dtype``, rounded to nearest even; integers as they are."""
    wanted = DTYPES[dtype]
    return {name: value.to(wanted) if value.is_floating_point() else value for name, value in weights.items()}


def _average(models: list[Weights]) -> Weights:
    """The mean of the floats; integers are the first model's."""
    return {
        name: sum((model[name] for model in models[1:]), value) / len(models) if value.is_floating_point() else value
        for name, value in models[0].items()
    }


def _summary(record: Record) -> str:
    loss = " → ".join(f"{value:.3f}" for value in record["loss"].values())
    return f"{record['bytes']:,} bytes, loss {loss}, {record['seconds']} s"
