"""The axes in which the vectors of two models are compared.

The axes of the files are the first to try. A model whose residual stream was turned has others; the rows of the
vocabulary turned along with it, and tell what was done. Wide models are compared in fewer coordinates than they have
axes: cosines of neurons are known well enough from some hundred of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np

from tukar.lineage.countsketch import Axes, CountSketch
from tukar.lineage.floats import Array
from tukar.lineage.model import TOKENS, Block, Model, Neurons, polar


class Compared(Protocol):
    """What blocks are compared of: a model, or what was kept of it."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """From the input on."""

    @property
    def width(self) -> int:
        """Of the residual stream."""

    def neurons(self, block: Block, most: int | None = None, axes: Axes | None = None) -> Neurons:
        """As ``Model.neurons``."""

    def tokens(self, most: int) -> Array | None:
        """The first tokens of the vocabulary by axes; None if there are none."""


Name = Literal["files", "vocabulary", "neurons"]

WIDE: Final = 1024
"""Residual streams that are wider are compared in fewer coordinates."""

_COORDINATES: Final = 512  # of wide ones: cosines of strangers deviate by 1 / sqrt(512) = 0.044


@dataclass(frozen=True, slots=True)
class Frame:
    """Where vectors of two models are brought to.

    Attributes:
        name: by what: the files' axes, their vocabularies, or neurons that are alike.
        a, b: width by coordinates, what the vectors of each are multiplied by; None leaves them as they are.
    """

    name: Name
    a: Axes | None = None
    b: Axes | None = None

    def of_a(self, model: Compared, block: Block, most: int | None = None) -> Neurons:
        """A block's neurons there, each vector of length 1; at most the first ``most``."""
        return model.neurons(block, most, self.a)

    def of_b(self, model: Compared, block: Block, most: int | None = None) -> Neurons:
        """The same of B's."""
        return model.neurons(block, most, self.b)

    def all_of_b(self, model: Model, block: Block, *, beside: Sequence[Neurons]) -> Neurons:
        """All of B's, as far as they are looked at to find A's among them: by gates and ups, if all have gates."""
        return model.neurons(block, axes=self.b, is_whole=any(neurons.gate is None for neurons in beside))

    def coordinates(self, width: int) -> int:
        """How many the vectors of A have there, in a residual stream of this width."""
        return width if self.a is None else self.a.shape[1]

    @property
    def is_partial(self) -> bool:
        """Whether each model was brought to coordinates by its own means: what is left out looks like a change."""
        return self.name == "vocabulary" and self.a is not None and self.a.shape[0] != self.a.shape[1]

    @property
    def plain(self) -> Frame:
        """The same with all coordinates, where they are the files' own."""
        return Frame("files") if isinstance(self.a, CountSketch) else self

    @property
    def reversed(self) -> Frame:
        """For the same models the other way round."""
        return Frame(self.name, self.b, self.a)


def files(width: int) -> Frame:
    """The axes as the files have them; of wide models, sums of some of them, the same for all of this width."""
    if width <= WIDE:
        return Frame("files")
    sketch = CountSketch(width, _COORDINATES)
    return Frame("files", sketch, sketch)


def vocabulary(a: Model, b: Model) -> Frame | None:
    """What turns B's axes onto A's, by their vocabularies alone; None where they have none in common.

    Wide models are both turned: to coordinates along the orthogonal rows nearest to those of some tokens, which turn
    with the residual stream.
    """
    left, right = a.tokens(TOKENS), b.tokens(TOKENS)
    if left is None or right is None:
        return None
    count = min(len(left), len(right))
    if a.width <= WIDE:
        return Frame("vocabulary", None, polar(right[:count].T @ left[:count]))
    places = np.linspace(0, count - 1, min(_COORDINATES, count)).astype(int)
    return Frame("vocabulary", polar(left[places]).T, polar(right[places]).T)
