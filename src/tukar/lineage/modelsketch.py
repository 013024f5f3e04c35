"""What is kept of a model to hold others against it without its weights: a small file, of 10 MB for a model of 7B.

It has the first neurons of every block, and what the first tokens of the vocabulary have in the first residual axes, as
8-bit integers: enough for the exact tests (``order``), which ask whether these stand in the same order. It has nothing
for those that a disguise does not undo, and too little to tell who came first.

The file is safetensors. Its metadata: ``format``, ``architecture`` as the table calls it, ``layers``, ``width``, and
``blocks``, JSON: for each its layer and its expert. Its tensors: ``0.gate``, ``0.up``, ``0.down`` and so on, neurons by
coordinates; ``tokens``, tokens by axes. Each row is scaled to its largest element, for lengths count for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from tukar.errors import Invalid, Unsupported
from tukar.formats.safetensors import safetensors_header
from tukar.lineage import frames
from tukar.lineage.architectures import Mlp, recognise
from tukar.lineage.countsketch import Axes
from tukar.lineage.floats import Array
from tukar.lineage.model import EXPERTS, LAYERS, Block, Model, Neurons, opened, unit
from tukar.lineage.weights import Weights

FORMAT: Final = "tukar-sketch-1"
"""To be counted up when anything changes that is stored: what is kept of a model, its coordinates, their signs."""

NEURONS: Final = 192
"""Of a block, the first ones. That all stand in one order by chance has a probability of 1e-355."""

_TOKENS: Final = 1024
_LARGEST: Final = 127
_WIDEST: Final = 1 << 20
_LONGEST: Final = 40  # characters of an architecture's name


class ModelSketch:
    """A model's, as far as two can be compared by it.

    Attributes:
        architecture: the name of the table's entry.
        layers: how many the model has.
        width: of its residual stream.
        blocks: its feed-forward parts, as ``Model`` has them; what they are called is their tensors' names here.
    """

    def __init__(self, weights: Weights) -> None:
        """Open one. Unsupported for another version of the format, Invalid if it is damaged."""
        told = weights.metadata
        if told.get("format") != FORMAT:
            raise Unsupported(
                f"{weights.name} is a sketch of another form than {FORMAT}, of another version of Tukar",
                hint="make it again: `tukar sketch`",
            )
        self._weights = weights
        try:
            self.architecture = _named(told["architecture"])
            self.layers, self.width = _counted(told["layers"], LAYERS), _counted(told["width"], _WIDEST)
            self.blocks = tuple(self._described(json.loads(str(told["blocks"]))))
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise Invalid(f"{weights.name} is damaged: the sketch's description cannot be read") from error
        self._check()

    def _described(self, places: Any) -> Iterator[Block]:
        for number, (layer, expert) in enumerate(places):
            if type(layer) is not int or type(expert) is not int:
                raise ValueError("no numbers")
            if not 0 <= layer < self.layers or not 0 <= expert < EXPERTS:
                raise ValueError("out of range")
            gate = f"{number}.gate"
            yield Block(
                layer, expert, Mlp(f"{number}.up", f"{number}.down", "", gate if gate in self._weights else None)
            )

    def _check(self) -> None:
        if not 0 < len(self.blocks) <= LAYERS:
            raise Invalid(f"{self._weights.name} is damaged: it has no blocks, or too many")
        columns = frames.files(self.width).coordinates(self.width)
        for block in self.blocks:
            shapes = {self._shape(name) for name in (block.mlp.up, block.mlp.down, block.mlp.gate) if name is not None}
            if len(shapes) != 1 or not _fits(shapes.pop(), NEURONS, columns):
                raise Invalid(f"{self._weights.name} is damaged: of {block.mlp.up}, the shapes do not fit together")
        if "tokens" in self._weights and not _fits(self._shape("tokens"), _TOKENS, min(self.width, frames.WIDE)):
            raise Invalid(f"{self._weights.name} is damaged: its tokens have another shape")

    def _shape(self, name: str) -> tuple[int, ...]:
        if name not in self._weights or self._weights.dtype(name) != "I8":
            raise Invalid(f"{self._weights.name} is damaged: it has no {name}")
        return self._weights.shape(name)

    def neurons(self, block: Block, most: int | None = None, axes: Axes | None = None) -> Neurons:
        """Those of a block that are here, at most the first ``most``, each vector of length 1.

        Args:
            axes: nothing else than ``frames.files``, which the sketch was made in.
        """
        gate = None if block.mlp.gate is None else self._rows(block.mlp.gate, most)
        return Neurons(gate, self._rows(block.mlp.up, most), self._rows(block.mlp.down, most))

    def tokens(self, most: int) -> Array | None:
        """The first tokens by the first axes, each of length 1; None if there are none."""
        return self._rows("tokens", most) if "tokens" in self._weights else None

    def _rows(self, name: str, most: int | None) -> Array:
        return unit(self._weights.read(name, 0, most))


def is_sketch(weights: Weights) -> bool:
    """Whether a file says that it is one, of whichever form, and is no model that only says so."""
    return str(weights.metadata.get("format")).startswith("tukar-sketch-") and recognise(weights) is None


def sketched(weights: Weights) -> bytes:
    """The sketch of a model, as a file. Unsupported where the table has not its architecture; Invalid."""
    if is_sketch(weights):
        raise Invalid(f"{weights.name} is a sketch already", hint="a sketch is made of a model's weights")
    model = opened(weights)
    if model is None:
        raise Unsupported(
            f"the architecture of {weights.name} is not in Tukar's table, so no sketch is made of it",
            hint="which ones are: docs/design/lineage.md; `tukar trace` compares some of any",
        )
    with np.errstate(over="ignore", invalid="ignore"):  # of hostile numbers, which come to nothing
        rows = {name: _rounded(values) for name, values in _kept(model)}
    told = {
        "format": FORMAT,
        "architecture": model.architecture.name,
        "layers": str(model.layers),
        "width": str(model.width),
        "blocks": json.dumps([[block.layer, block.expert] for block in model.blocks], separators=(",", ":")),
    }
    start = safetensors_header({name: ("I8", values.shape) for name, values in rows.items()}, told)
    return b"".join([start, *(values.tobytes() for values in rows.values())])


def _kept(model: Model) -> Iterator[tuple[str, Array]]:
    axes = frames.files(model.width).a
    for number, block in enumerate(model.blocks):
        neurons = model.neurons(block, NEURONS, axes)
        for part, values in zip(("gate", "up", "down"), neurons.all(), strict=True):
            if values is not None:
                yield f"{number}.{part}", values
    tokens = model.tokens(_TOKENS)
    if tokens is not None:
        yield "tokens", tokens[:, : frames.WIDE]


def _rounded(rows: Array) -> Array:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scaled = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    rounded: Array = np.rint(_LARGEST * scaled).astype(np.int8)
    return rounded


def _named(text: object) -> str:
    name = str(text)
    if not 0 < len(name) <= _LONGEST or not name.isprintable():
        raise ValueError("no name")
    return name


def _counted(text: object, most: int) -> int:
    number = int(str(text)[:20])
    if not 0 < number <= most:
        raise ValueError("out of range")
    return number


def _fits(shape: tuple[int, ...], rows: int, columns: int) -> bool:
    return len(shape) == 2 and 0 < shape[0] <= rows and shape[1] == columns
