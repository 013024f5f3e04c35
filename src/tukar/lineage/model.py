"""A model in the form that two are compared in: its neurons, wherever its files keep them, without what only scales.

The scales of norms are folded into the matrices that read the residual stream, and every vector has length 1: neither
they nor scales that were moved between matrices change what a model does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from tukar.errors import Invalid
from tukar.lineage.architectures import Mlp, Recognised, recognise
from tukar.lineage.countsketch import Axes, CountSketch
from tukar.lineage.floats import Array
from tukar.lineage.weights import Weights

TOKENS: Final = 8192
"""Of the vocabulary, the first ones, which two are compared by: in most tokenizers the commonest."""

_KEPT: Final = 1024  # neurons of a block whose sketches are kept, 6 MiB: reading them again takes far longer
_AT_ONCE: Final = 4 << 20  # elements of a matrix that are held
_LONG: Final = 10  # times as long as the median
_TINY: Final = 1e-15  # the length of a vector, below which it is scaled before it is squared
LAYERS: Final = 512
"""More than any model has: every block is held against every other."""

_BLOCKS: Final = 128  # that are compared, where there are more of them than layers
EXPERTS: Final = 1024
"""Of a layer, more than any published model has."""


@dataclass(frozen=True, slots=True)
class Block:
    """Where a feed-forward part is: a layer has one, or one for each expert."""

    layer: int
    expert: int
    mlp: Mlp


@dataclass(frozen=True, slots=True)
class Neurons:
    """The neurons of a block, or the first of them; each array is neurons by width, mostly rows of length 1 (or 0).

    Attributes:
        gate: how their activation reads the residual stream; None where there is no gate.
        up: how they read it besides.
        down: what they write into it; without columns where it was not asked for.
    """

    gate: Array | None
    up: Array
    down: Array

    def __len__(self) -> int:
        return len(self.up)

    def some(self, places: slice) -> Neurons:
        """Those at some places."""
        gate = None if self.gate is None else self.gate[places]
        return Neurons(gate, self.up[places], self.down[places])

    def all(self) -> tuple[Array | None, Array, Array]:
        """Gate, up and down."""
        return self.gate, self.up, self.down

    def signed(self) -> list[Array]:
        """The vectors whose sign means something: up and down of a gated neuron can change theirs together."""
        return [self.up, self.down] if self.gate is None else [self.gate]

    def turned(self, axes: Axes) -> Neurons:
        """The same in other axes: every vector times a rotation, or in fewer coordinates."""
        gate = None if self.gate is None else self.gate @ axes
        return Neurons(gate, self.up @ axes, self.down @ axes if self.down.shape[1] else self.down)


class Model:
    """The parts of a model, read when they are asked for.

    Attributes:
        weights: its tensors.
        architecture: the entry of the table that its names match.
        layers: how many there are.
        blocks: its feed-forward parts, from the input on; of many experts the first ones of each layer.
        width: of the residual stream.
    """

    def __init__(self, weights: Weights, recognised: Recognised) -> None:
        """Invalid if the shapes do not fit together."""
        self.weights = weights
        self.architecture, self.layers = recognised.architecture, recognised.layers
        if self.layers > LAYERS:
            raise Invalid(f"the model has {self.layers:,} layers, or says so: more than {LAYERS} are not compared")
        self._prefix = recognised.prefix
        self._sketched: dict[Block, Neurons] = {}
        self.blocks = _some(tuple(self._blocks()), self.layers)
        self.width = self._shape(self.blocks[0], self.blocks[0].mlp.down)[0]
        for block in self.blocks:
            self._check(block)

    def _blocks(self) -> Iterator[Block]:
        for layer in range(self.layers):
            for mlp in self.architecture.mlps:
                for expert in range(EXPERTS):
                    block = Block(layer, expert, mlp)
                    if self._name(block, mlp.up) not in self.weights or expert >= self._experts(block):
                        break
                    yield block

    def _experts(self, block: Block) -> int:
        """How many there may be at most."""
        if "{expert}" in block.mlp.up:
            return EXPERTS
        shape = self.weights.shape(self._name(block, block.mlp.up))
        return shape[0] if len(shape) == 3 else 1

    def _name(self, block: Block, part: str) -> str:
        # The prefix is anybody's text, and never a format.
        return self._prefix + (self.architecture.layer + part).format(layer=block.layer, expert=block.expert)

    def _shape(self, block: Block, part: str) -> tuple[int, ...]:
        """Outputs by inputs."""
        name = self._name(block, part)
        if name not in self.weights:
            raise Invalid(f"the model has no tensor named {name[:80]}")
        shape = self.weights.shape(name)
        if len(shape) != (3 if self._is_stacked(block) else 2):
            raise Invalid(f"{name[:80]} is no matrix: it has the shape {shape}")
        return shape[:-3:-1] if self.architecture.is_transposed else shape[-2:]

    def _is_stacked(self, block: Block) -> bool:
        return not self.architecture.is_transposed and len(self.weights.shape(self._name(block, block.mlp.up))) == 3

    def _is_plain(self, block: Block) -> bool:
        """Whether its matrices have a row for each output, and nothing else."""
        return not self.architecture.is_transposed and not self._is_stacked(block)

    def _is_fused(self, block: Block) -> bool:
        """Whether the rows of the gate come first in ``up``."""
        return (
            block.mlp.gate is None and self._shape(block, block.mlp.up)[0] == 2 * self._shape(block, block.mlp.down)[1]
        )

    def _check(self, block: Block) -> None:
        mlp, count = block.mlp, self.count(block)
        if not count or not self.width:
            raise Invalid(f"{self._name(block, mlp.down)[:80]} has no elements")
        wanted = {mlp.up: (2 * count if self._is_fused(block) else count, self.width), mlp.down: (self.width, count)}
        if mlp.gate is not None:
            wanted[mlp.gate] = (count, self.width)
        for part, shape in wanted.items():
            if self._shape(block, part) != shape:
                raise Invalid(f"{self._name(block, part)[:80]} has the shape {self._shape(block, part)}, not {shape}")
        norm = self._name(block, mlp.norm)
        if norm not in self.weights or self.weights.shape(norm) != (self.width,):
            raise Invalid(f"{norm[:80]} is missing, or has not {self.width} elements")

    def count(self, block: Block) -> int:
        """How many neurons a block has."""
        return self._shape(block, block.mlp.down)[1]

    def is_gated(self, block: Block) -> bool:
        """Whether its neurons have gates."""
        return block.mlp.gate is not None or self._is_fused(block)

    def neurons(
        self, block: Block, most: int | None = None, axes: Axes | None = None, *, is_whole: bool = True
    ) -> Neurons:
        """A block's neurons in the order of the files, each vector of length 1; at most the first ``most``.

        Args:
            axes: width by coordinates, what every vector is multiplied by.
            is_whole: whether ``down`` is wanted where there are gates; it is a third of what is read.
        """
        if isinstance(axes, CountSketch) and most is not None and most <= _KEPT:
            if block not in self._sketched:
                self._sketched[block] = self._neurons(block, _KEPT, axes)
            return self._sketched[block].some(slice(0, most))
        return self._neurons(block, most, axes, is_whole or not self.is_gated(block))

    def _neurons(self, block: Block, most: int | None, axes: Axes | None, is_whole: bool = True) -> Neurons:
        sketch = axes if isinstance(axes, CountSketch) else None
        found = self.vectors(block, most, sketch, self.width if is_whole else 0)
        activated = found.up if found.gate is None else found.gate
        activated -= _mean(activated)  # activations are of one sign, and training gives all a common direction
        if axes is not None and not isinstance(axes, CountSketch):
            found = found.turned(axes)
        return Neurons(None if found.gate is None else unit(found.gate), unit(found.up), unit(found.down))

    def norm(self, block: Block) -> Array:
        """The scales of the norm that a block's neurons read."""
        return self.weights.read(self._name(block, block.mlp.norm)) + np.float32(self.architecture.offset)

    def names(self, block: Block) -> list[str]:
        """The tensors that a block is in."""
        parts = (block.mlp.up, block.mlp.down, block.mlp.gate)
        return [self._name(block, part) for part in parts if part is not None]

    def vectors(
        self, block: Block, most: int | None = None, axes: CountSketch | None = None, written: int | None = None
    ) -> Neurons:
        """The same with the lengths that they have, but for what norms scale.

        Args:
            axes: width by coordinates, what every vector is multiplied by as it is read: at once, they take far more.
            written: how many of the axes that ``down`` writes are wanted, the first ones; the others cost much to read.
                None is all, and of 0 there are no columns.
        """
        mlp, count = block.mlp, self.count(block)
        stop = count if most is None else min(most, count)
        first = count if self._is_fused(block) else 0
        up = self._into(block, mlp.up, first, first + stop, axes)
        gate = None
        if self.is_gated(block):
            gate = self._into(block, mlp.gate or mlp.up, 0, stop, axes)
        if written == 0:
            return Neurons(gate, up, np.zeros((stop, 0), np.float32))
        return Neurons(gate, up, self._columns(block, mlp.down, stop, axes, written or self.width))

    def _into(self, block: Block, part: str, start: int, stop: int, axes: CountSketch | None) -> Array:
        """How neurons read what the norm was given."""
        if axes is None:
            return self._normed(block, part, start, stop)
        step = max(_AT_ONCE // self.width, 1) if self._is_plain(block) else stop  # others are read whole for any part
        pieces = [self._normed(block, part, at, min(at + step, stop)) @ axes for at in range(start, stop, step)]
        return np.concatenate(pieces)

    def _normed(self, block: Block, part: str, start: int, stop: int) -> Array:
        rows = self._rows(block, part, start, stop)
        rows = np.multiply(rows, self.norm(block), out=rows if rows.flags.writeable else None)
        norm = self._name(block, block.mlp.norm)
        if norm.removesuffix("weight") + "bias" in self.weights:  # LayerNorm takes the mean out
            rows -= rows.mean(axis=1, keepdims=True)
        return rows

    def _rows(self, block: Block, part: str, start: int, stop: int) -> Array:
        name = self._name(block, part)
        if self.architecture.is_transposed:
            return self.weights.read(name)[:, start:stop].T
        if self._is_stacked(block):
            return self.weights.read(name, block.expert, block.expert + 1)[0, start:stop]
        return self.weights.read(name, start, stop)

    def _columns(self, block: Block, part: str, stop: int, axes: CountSketch | None, written: int) -> Array:
        name = self._name(block, part)
        if not self._is_plain(block):
            whole = self._outputs(block, name, stop)
            return whole[:, :written] if axes is None else whole @ axes
        step = max(_AT_ONCE // self.count(block), 1)
        if axes is not None:
            step = -(-step // axes.size) * axes.size
        rows = min(written, self.width)
        pieces = ((at, self.weights.read(name, at, min(at + step, rows), stop)) for at in range(0, rows, step))
        return np.concatenate([piece if axes is None else axes.some(piece, at) for at, piece in pieces]).T

    def _outputs(self, block: Block, name: str, stop: int) -> Array:
        if self.architecture.is_transposed:
            return self.weights.read(name, 0, stop)
        return self.weights.read(name, block.expert, block.expert + 1)[0, :, :stop].T

    @cached_property
    def embedding(self) -> str | None:
        """The name of the vocabulary's matrix; None if it is not here, or is not as wide as the residual stream."""
        for name in (self._prefix + self.architecture.embedding, self.architecture.embedding):
            if name in self.weights and self.weights.shape(name)[1:] == (self.width,) and self.weights.shape(name)[0]:
                return name
        return None

    def tokens(self, most: int) -> Array | None:
        """The first tokens of the vocabulary by width, without their mean, each of length 1; None if there are none."""
        if self.embedding is None:
            return None
        rows = self.weights.read(self.embedding, 0, most)
        return unit(rows - _mean(rows))


def _some(blocks: tuple[Block, ...], layers: int) -> tuple[Block, ...]:
    """Not more than can be compared: all, or in each layer the first ones, whatever is in them."""
    most = max(_BLOCKS // layers, 1)
    return blocks if len(blocks) <= _BLOCKS else tuple(block for block in blocks if block.expert < most)


def opened(weights: Weights) -> Model | None:
    """The model, if the table has its architecture. Invalid if it has, and shapes do not fit together."""
    recognised = recognise(weights)
    return None if recognised is None else Model(weights, recognised)


def _mean(rows: Array) -> Array:
    """Of vectors that are as long as others: one far longer, which nothing uses, would be the mean of all."""
    lengths = np.linalg.norm(rows, axis=1)
    some = lengths[lengths > 0]
    is_usual = lengths <= _LONG * np.median(some) if some.size else lengths == 0
    if not is_usual.any():
        return np.zeros_like(lengths, shape=rows.shape[1])
    made: Array = (rows if is_usual.all() else rows[is_usual]).mean(axis=0)
    return made


def unit(rows: Array) -> Array:
    """Each row with length 1; rows of zeros stay, and what is no number becomes one."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        odd = ~((lengths > _TINY) & (lengths < 1 / _TINY))[:, 0]
        if odd.any():  # squares of these are not to be had
            largest = np.abs(rows[odd]).max(axis=1, keepdims=True, initial=0)
            is_usable = (largest > 0) & np.isfinite(largest)
            rows = rows.copy()
            rows[odd] = np.divide(rows[odd], largest, out=np.zeros_like(rows[odd]), where=is_usable)
            lengths[odd] = np.linalg.norm(rows[odd], axis=1, keepdims=True)
    made: Array = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return made


def polar(values: Array) -> Array:
    """The matrix with orthogonal rows (or columns) nearest to this one: its polar factor (P. Schönemann, 1966)."""
    left, _, right = np.linalg.svd(values, full_matrices=False)
    made: Array = left @ right
    return made
