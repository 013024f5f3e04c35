"""The sentence pairs that no model of the family was trained on."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

PATH = Path(__file__).parent / "heldout.tsv"
COLUMNS = ("source", "indonesian", "english")


@dataclass(frozen=True, order=True)
class Pair:
    """One text in two languages, and the project whose translators wrote it."""

    source: str
    indonesian: str
    english: str


def read(path: Path = PATH) -> list[Pair]:
    """The pairs of a tab-separated file with a line of column names."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Pair(**row) for row in csv.DictReader(file, delimiter="\t")]


def write(pairs: Iterable[Pair], path: Path = PATH) -> None:
    """Write *pairs* as `read` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, delimiter="\t", lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows(astuple(pair) for pair in pairs)
