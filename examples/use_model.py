"""Use pulled models: find the English sentence for an Indonesian one, with the base and with its child.

python examples/use_model.py BASE CHILD      # two model folders
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from family import heldout
from family.heldout import Pair
from family.minilm import MiniLM

SHOWN = 6


@dataclass(frozen=True)
class Search:
    """What one model found: every held-out Indonesian sentence asked among all held-out English ones."""

    pairs: tuple[Pair, ...]
    ranks: tuple[int, ...]
    """Where each pair's own English sentence came, from 1."""
    found: tuple[str, ...]
    """The English sentence that came first."""

    @property
    def accuracy(self) -> float:
        """The share of queries whose own English sentence came first."""
        return sum(rank == 1 for rank in self.ranks) / len(self.ranks)

    @property
    def reciprocal_rank(self) -> float:
        """The mean of 1 / rank (MRR)."""
        return sum(1 / rank for rank in self.ranks) / len(self.ranks)

    def of(self, source: str) -> Search:
        """The part whose queries come from *source*; still asked among all sentences."""
        kept = [row for row in zip(self.pairs, self.ranks, self.found, strict=True) if row[0].source == source]
        return Search(*map(tuple, zip(*kept, strict=True)))


def search(folder: Path, pairs: Sequence[Pair]) -> Search:
    """Embed both sides of *pairs* with the model in *folder* and rank by cosine."""
    model = MiniLM.load(folder)
    queries = model.embed([pair.indonesian for pair in pairs])
    answers = model.embed([pair.english for pair in pairs])
    scores = queries @ answers.T
    ranks = 1 + (scores > np.diagonal(scores)[:, None]).sum(axis=1)
    found = tuple(pairs[index].english for index in scores.argmax(axis=1))
    return Search(tuple(pairs), tuple(ranks.tolist()), found)


def table(base: Search, child: Search) -> str:
    """A few queries with what each model found, and the figures of both, to print."""
    lines = [f"{len(base.pairs)} Indonesian sentences, each looked for among as many English ones", ""]
    for index in _telling(base, child)[:SHOWN]:
        lines += _example(base, child, index)
    lines += ["found first (mean reciprocal rank)", f"  {'':28}{'base':>16}{'child':>16}"]
    for source in sorted({pair.source for pair in base.pairs}):
        lines.append(_figures(f"from {source}", base.of(source), child.of(source)))
    return "\n".join([*lines, _figures("all", base, child)])


def _telling(base: Search, child: Search) -> list[int]:
    """Short queries first; of six, the child finds five that the base does not, and one is a miss of the child."""
    order = sorted(range(len(base.pairs)), key=lambda index: abs(len(base.pairs[index].indonesian) - 40))
    gained = [index for index in order if child.ranks[index] == 1 < base.ranks[index]]
    missed = [index for index in order if child.ranks[index] > 1]
    return gained[: SHOWN - 1] + missed[:1]


def _example(base: Search, child: Search, index: int) -> list[str]:
    def said(result: Search) -> str:
        mark = "✓" if result.ranks[index] == 1 else "✗"
        return f"{mark} {textwrap.shorten(result.found[index], 84, placeholder='…')}"

    query = base.pairs[index].indonesian
    return [f"  {query}", f"    base   {said(base)}", f"    child  {said(child)}", ""]


def _figures(name: str, base: Search, child: Search) -> str:
    cells = (f"{result.accuracy:6.1%} ({result.reciprocal_rank:.3f})" for result in (base, child))
    return f"  {f'{name}, {len(base.pairs)}':28}" + "".join(f"{cell:>16}" for cell in cells)


def main() -> None:
    """Print what the two models find."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("base", type=Path, help="the base's folder")
    arguments.add_argument("child", type=Path, help="the child's folder")
    options = arguments.parse_args()
    pairs = heldout.read()
    print(table(search(options.base, pairs), search(options.child, pairs)))


if __name__ == "__main__":
    main()
