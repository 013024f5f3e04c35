"""Verdicts and directions in words, and what the tests cannot see, which stands beside every verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import ceil, floor
from typing import Final

from tukar.lineage.evidence import Direction, Verdict

VERDICTS: Final[Mapping[Verdict, str]] = {
    "derived": "derived: one comes from the other, or both from a third model",
    "shared-start": "shares a starting point: the same random values, or parted early",
    "review": "related, look closer: more in common than independent models have, and not enough to call one derived",
    "none": "no relation found",
}
_NOT_COMPARED: Final = "not compared: the two have nothing in common that could be"
DIRECTIONS: Final[Mapping[Direction, str]] = {
    "a->b": "B comes from A, or from a model close to A",
    "b->a": "A comes from B, or from a model close to B",
    "siblings": "both come from a third model",
    "unknown": "cannot be told",
}

_PLAIN: Final = -6  # power of ten, down to which a p is written out
_ROUNDING: Final = 1e-9  # of a float: not to make 0.11 of 0.1

ALWAYS: Final = (
    "This is evidence from numbers in files; its error rate was measured on small models (docs/design/lineage.md).",
    "It says nothing of who was allowed to do what.",
)
NOT_SEEN: Final = (
    "No relation found is no proof that there is none.",
    "Distillation, training everything anew, and merges of 5 % or less leave nothing that this test sees.",
    "Mostly not found: merges of 20 % that were disguised.",
    "Often not found: long training that was then quantised, pruned, given another vocabulary and disguised.",
)
UNKNOWN: Final = (
    "The architecture is not in the table: only the order of axes was tested, which a disguise undoes; and positions"
    " that are fixed sines in the residual stream would make independent models look related."
)
WIDE: Final = (
    "Residual streams as wide as these are turned onto each other by a common vocabulary alone: a disguised model with"
    " another vocabulary is not found."
)
FEW: Final = (
    "There are too few neurons to tell whether they are alike in any order: only the order that they stand in was"
    " tested, which a disguise undoes."
)
OTHER_WIDTH: Final = "The residual streams have different widths, so nothing was compared."
NOTHING_SHARED: Final = (
    "The architecture is not in the table, and the two have no matrices of the same names and shapes, so nothing was"
    " compared."
)
_SKETCH: Final = (
    "Compared by sketches, which have the first neurons and axes of a model: the weights tell which one came first and"
    " what was done. A sketch is what its maker says it is."
)
_NOT_IN_SKETCHES: Final = (
    "By sketches a model that was disguised has no relatives, nor has one whose first neurons were left out: the"
    " weights may tell."
)
_AXES_ALONE: Final = (
    "What agrees is the order of the residual axes, or the vocabulary, and no layer: one may have nothing but the"
    " other's vocabulary, or neurons that were put into another order."
)
_COMMON_ANCESTOR: Final = "Both may come from a third model: two models' weights cannot rule that out."
_NO_DIRECTION: Final = (
    "Which one came first cannot be told here: what only rearranges weights leaves no trace of it, and after long"
    " training a parent looks like a sibling."
)
_LITTLE_CHANGED: Final = (
    "The direction can be wrong: a sibling that changed little since the common parent looks like that parent, and"
    " strong weight decay hides who learned more."
)
_COMMON_START: Final = (
    "Two runs that begin with the same random values look like this, and so do models that parted early; what each has"
    " learned is its own."
)


def summary(verdict: Verdict, log10_p: float | None) -> str:
    """A verdict, and after a colon what it means; another one where there was nothing to test."""
    return _NOT_COMPARED if verdict == "none" and log10_p is None else VERDICTS[verdict]


def bound(log10_p: float) -> str:
    """A p that is at most this, rounded up, so that it still is: ``0.012``, ``1e-213``."""
    exponent = floor(log10_p)
    if exponent < _PLAIN:
        return f"1e{ceil(log10_p)}"
    return f"{ceil(10 ** (log10_p - exponent + 1) - _ROUNDING) * 10.0 ** (exponent - 1):.2g}"


def no_numbers(model: str, names: Collection[str]) -> str:
    """Of tensors that cannot be what their maker meant."""
    some = f"{len(names)} tensors, {min(names)[:80]} and others," if len(names) > 1 else f"{min(names)[:80]}"
    return f"In {some} of {model}, elements are no numbers or far too large for weights: the file may be damaged."


def of(verdict: Verdict, towards: Direction) -> Iterator[str]:
    """Those of a verdict."""
    yield from _of(verdict)
    if verdict in ("derived", "review"):
        yield _NO_DIRECTION if towards == "unknown" else _LITTLE_CHANGED


def of_axes() -> Iterator[str]:
    """Those of a verdict that the order of axes alone led to."""
    yield _AXES_ALONE
    yield from _of("review")


def of_sketches(verdict: Verdict, *, is_of_axes: bool) -> Iterator[str]:
    """The same where only sketches were compared."""
    if verdict == "review" and is_of_axes:
        yield from of_axes()
    elif verdict == "none":
        yield NOT_SEEN[0]
        yield _NOT_IN_SKETCHES
        yield NOT_SEEN[1]
    else:
        yield from _of(verdict)
    yield _SKETCH


def _of(verdict: Verdict) -> Iterator[str]:
    if verdict == "none":
        yield from NOT_SEEN
    if verdict in ("derived", "review"):
        yield _COMMON_ANCESTOR
    if verdict == "shared-start":
        yield _COMMON_START
