"""What is found out about two models besides whether they are related."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["derived", "shared-start", "review", "none"]

Direction = Literal["a->b", "b->a", "siblings", "unknown"]

Kind = Literal[
    "identical",
    "finetune",
    "adapter",
    "merge",
    "pruned",
    "quantised",
    "cast",
    "layers-dropped",
    "layers-duplicated",
    "layers-replaced",
    "neurons-pruned",
    "experts",
    "vocabulary",
    "disguised",
]
"""A kind of change, as ``tukar trace --json`` names it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that speaks for a direction.

    Attributes:
        points: which one.
        text: what it is.
    """

    points: Direction
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one model has undergone, if it came from the other."""

    kind: Kind
    text: str
