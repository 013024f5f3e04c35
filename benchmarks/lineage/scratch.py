"""Strangers of the shapes of published models: the same architecture and task, from random values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from benchmarks.families import text
from benchmarks.families.__main__ import circumstances
from benchmarks.families.family import Workshop
from benchmarks.families.llm import Llm
from benchmarks.families.minilm import MiniLm
from benchmarks.families.recipes import Batch, Family, Recipe, Weights

FAMILIES: Final[Mapping[str, Callable[[list[str]], Family]]] = {"minilm": MiniLm, "llm": Llm}

RECIPES: Final[Mapping[str, Recipe]] = {
    "start": Recipe("published"),
    "stranger": Recipe("full", ("start",), rate=1e-3, steps=100, seed=9),
}


class FromScratch:
    """A ``Family``: another one's task, begun with random values in all matrices."""

    adapted: tuple[str, ...] = ()

    def __init__(self, family: Family) -> None:
        self.name = f"{family.name} from scratch"
        self.source = f"random values in the shapes of {family.source}"
        self.recipes = RECIPES
        self._family = family

    def published(self) -> Weights:
        """The values that training begins with: norms as they are published, all else normal with 0.02."""
        chance = torch.Generator().manual_seed(4_000)
        return {name: _drawn(values, chance) for name, values in self._family.published().items()}

    def batches(self, seed: int) -> Iterator[Batch]:
        """As the other's."""
        return self._family.batches(seed)

    def held_out(self) -> list[Batch]:
        """As the other's."""
        return self._family.held_out()

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """As the other's."""
        return self._family.loss(weights, batch)


def _drawn(values: Tensor, chance: torch.Generator) -> Tensor:
    if values.dim() < 2 or not values.is_floating_point():
        return values
    return 0.02 * torch.randn(values.shape, generator=chance)


def made(wanted: tuple[str, Path]) -> str:
    """One of them, below ``scratch``; in a process of its own, on one thread."""
    name, out = wanted
    found = circumstances()
    family = FromScratch(FAMILIES[name](text.paragraphs(out / "text.txt")))
    folder = out / "scratch" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a") as log, redirect_stdout(log):
        Workshop(family, folder, found).make()
    return f"{name} from scratch"
