"""How the models of a family come from one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Weights: TypeAlias = "dict[str, Tensor]"
"""The tensors of one model under the names that Hugging Face's implementations give them."""

Batch: TypeAlias = "tuple[Tensor, ...]"
"""Token ids first, rows by positions; then what the loss needs besides."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model. ``kind`` is published, full, lora, more (a full fine-tune of a fine-tune) or average.

    ``dtype`` is that of the floats in the file: training begins at the parent's values in this dtype, goes on in f32,
    and is rounded to it at the end, to nearest even. ``rate`` is the peak of the learning rate; ``steps`` are AdamW's.
    """

    kind: str
    parents: tuple[str, ...] = ()
    dtype: str = "bf16"
    rate: float = 0.0
    steps: int = 0
    seed: int = 0


class Family(Protocol):
    """A published model and a task to fine-tune it for."""

    @property
    def name(self) -> str:
        """The family's folder."""
        ...

    @property
    def source(self) -> str:
        """What the published weights come from, with its version."""
        ...

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """By the model's name; parents stand before their children."""
        ...

    @property
    def adapted(self) -> tuple[str, ...]:
        """How the names of the matrices that LoRA adapts end."""
        ...

    def published(self) -> Weights:
        """The model as it was published; floats are f32."""
        ...

    def batches(self, seed: int) -> Iterator[Batch]:
        """Without end, and always the same for one seed."""
        ...

    def held_out(self) -> list[Batch]:
        """Batches of text that ``batches`` never yields."""
        ...

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """A scalar; natural logarithms."""
        ...
