"""Which models there are: independent trainings in three architectures, and what descends from each by more training.

Those of the first families are for choosing and tuning tests, the others for measuring them. Two that begin with the
same random values but see the data in another order (``base`` and ``twin``) are no kin by training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.families.recipes import Recipe

ARCHITECTURES: Final = ("llama", "gpt2", "bert")
TUNING: Final = 8
TESTING: Final = 40
STEPS: Final = 400
RATE: Final = 3e-3

RECIPES: Final[Mapping[str, Recipe]] = {
    "start": Recipe("published"),
    "base": Recipe("full", ("start",), rate=RATE, steps=STEPS, seed=1),
    "twin": Recipe("full", ("start",), rate=RATE, steps=STEPS, seed=2),
    "tuned": Recipe("full", ("base",), rate=RATE / 3, steps=STEPS // 4, seed=3),
    "adapted": Recipe("lora", ("base",), rate=RATE / 3, steps=STEPS // 4, seed=4),
    "more": Recipe("more", ("base",), rate=RATE, steps=STEPS, seed=5),
}


def is_for_tuning(number: int) -> bool:
    """Whether tests may be tuned on this family."""
    return number < TUNING


def recipes(number: int) -> Mapping[str, Recipe]:
    """Of a family. Every fourth has a twin."""
    return {name: recipe for name, recipe in RECIPES.items() if name != "twin" or number % 4 == 0}
