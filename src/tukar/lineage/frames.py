"""The axes in which the vectors of two models are compared.

The axes of the files are the first to try. A model whose residual stream was turned has others; the rows of the
vocabulary turned along with it, and tell what was done. Wide models are compared in fewer coordinates than they have
axes: cosines of neurons are known well enough from some hundred of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tukar.lineage.model import TOKENS, Block, Model, Neurons, polar
from tukar.lineage.sketch import Axes, Sketch

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

    def of_a(self, model: Model, block: Block, most: int | None = None) -> Neurons:
        """A block's neurons there, each vector of length 1; at most the first ``most``."""
        return model.neurons(block, most, self.a)

    def of_b(self, model: Model, block: Block, most: int | None = None) -> Neurons:
        """The same of B's."""
        return model.neurons(block, most, self.b)

    @property
    def is_partial(self) -> bool:
        """Whether each model was brought to coordinates by its own means: what is left out looks like a change."""
        return self.name == "vocabulary" and self.a is not None and self.a.shape[0] != self.a.shape[1]

    @property
    def plain(self) -> Frame:
        """The same with all coordinates, where they are the files' own."""
        return Frame("files") if isinstance(self.a, Sketch) else self

    @property
    def reversed(self) -> Frame:
        """For the same models the other way round."""
        return Frame(self.name, self.b, self.a)


def files(a: Model, b: Model) -> Frame:
    """The axes as the files have them; of wide models, sums of some of them, the same for both."""
    if a.width <= WIDE:
        return Frame("files")
    sketch = Sketch(a.width, _COORDINATES)
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
