"""Three small architectures at random values, and the tasks that they are trained for.

All have a residual stream of 96, 4 layers and 4 heads. Matrices begin as normal numbers with a deviation of 0.02, those
that write into the residual stream with less, as GPT-2's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.families import bert, llama
from benchmarks.families.recipes import Batch, Recipe, Weights
from benchmarks.lineage import gpt2

WIDTH, LAYERS, HEADS, KEYS = 96, 4, 4, 2
NEURONS: Final = {"llama": 256, "gpt2": 384, "bert": 384}
VOCABULARY: Final = 2048
ROWS, POSITIONS = 8, 64
MASK: Final = VOCABULARY - 1
MASKED: Final = 0.15

Loss = Callable[[Mapping[str, Tensor], Batch], Tensor]


@dataclass(frozen=True, slots=True)
class Text:
    """Token ids in a row: those to train on, and those that no model sees."""

    seen: Tensor
    held: Tensor


class Small:
    """One independent training and what descends from it: a ``Family``."""

    def __init__(self, architecture: str, number: int, recipes: Mapping[str, Recipe], text: Text) -> None:
        self.name = f"{architecture}-{number:02}"
        self.source = f"random values of seed {number}"
        self.recipes = recipes
        self.adapted: tuple[str, ...] = ADAPTED[architecture]
        self._architecture, self._number, self._text = architecture, number, text

    def published(self) -> Weights:
        """The values that training begins with."""
        chance = torch.Generator().manual_seed(SEEDS[self._architecture] + self._number)
        return {name: _drawn(name, shape, chance) for name, shape in shapes(self._architecture).items()}

    def batches(self, seed: int) -> Iterator[Batch]:
        """Pieces from anywhere in the text."""
        random = Random(f"{self.name}:{seed}")
        while True:
            starts = [random.randrange(len(self._text.seen) - POSITIONS) for _ in range(ROWS)]
            yield self._batch(self._text.seen, starts, random)

    def held_out(self) -> list[Batch]:
        """Eight batches, side by side."""
        starts = range(0, 8 * ROWS * POSITIONS, POSITIONS)
        random = Random(0)
        return [self._batch(self._text.held, list(starts[n : n + ROWS]), random) for n in range(0, len(starts), ROWS)]

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The cross-entropy of the next token, or of the masked ones; ln 2048 = 7.62 for one who knows nothing."""
        return LOSSES[self._architecture](weights, batch)

    def _batch(self, stream: Tensor, starts: list[int], random: Random) -> Batch:
        pieces = torch.stack([stream[start : start + POSITIONS + 1] for start in starts])
        if self._architecture != "bert":
            return pieces[:, :-1], pieces[:, 1:]
        whole = pieces[:, :-1]
        masked = whole.clone()
        for row in masked:
            row[random.sample(range(POSITIONS), round(MASKED * POSITIONS))] = MASK
        return masked, whole


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """All tensors, under the names of the published architectures."""
    neurons = NEURONS[architecture]
    return {"llama": _llama, "gpt2": _gpt2, "bert": _bert}[architecture](neurons)


def _llama(neurons: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCABULARY, WIDTH)}
    keys = WIDTH * KEYS // HEADS
    for number in range(LAYERS):
        found |= {
            f"model.layers.{number}.{part}.weight": shape
            for part, shape in {
                "input_layernorm": (WIDTH,),
                "self_attn.q_proj": (WIDTH, WIDTH),
                "self_attn.k_proj": (keys, WIDTH),
                "self_attn.v_proj": (keys, WIDTH),
                "self_attn.o_proj": (WIDTH, WIDTH),
                "post_attention_layernorm": (WIDTH,),
                "mlp.gate_proj": (neurons, WIDTH),
                "mlp.up_proj": (neurons, WIDTH),
                "mlp.down_proj": (WIDTH, neurons),
            }.items()
        }
    return found | {"model.norm.weight": (WIDTH,)}


def _gpt2(neurons: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {"wte.weight": (VOCABULARY, WIDTH), "wpe.weight": (POSITIONS, WIDTH)}
    for number in range(LAYERS):
        found |= _norm(f"h.{number}.ln_1")
        for part, inputs, outputs in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH)):
            found |= {f"h.{number}.{part}.weight": (inputs, outputs), f"h.{number}.{part}.bias": (outputs,)}
        found |= _norm(f"h.{number}.ln_2")
        for part, inputs, outputs in (("mlp.c_fc", WIDTH, neurons), ("mlp.c_proj", neurons, WIDTH)):
            found |= {f"h.{number}.{part}.weight": (inputs, outputs), f"h.{number}.{part}.bias": (outputs,)}
    return found | _norm("ln_f")


def _bert(neurons: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCABULARY, WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        **_norm("embeddings.LayerNorm"),
    }
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            found |= {f"{name}.{part}.weight": (WIDTH, WIDTH), f"{name}.{part}.bias": (WIDTH,)}
        found |= _norm(f"{name}.attention.output.LayerNorm")
        for part, outputs, inputs in (("intermediate.dense", neurons, WIDTH), ("output.dense", WIDTH, neurons)):
            found |= {f"{name}.{part}.weight": (outputs, inputs), f"{name}.{part}.bias": (outputs,)}
        found |= _norm(f"{name}.output.LayerNorm")
    return found


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


def _drawn(name: str, shape: tuple[int, ...], chance: torch.Generator) -> Tensor:
    if len(shape) == 1:
        return torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)
    writes = name.endswith(("o_proj.weight", "down_proj.weight", "c_proj.weight", "output.dense.weight"))
    return 0.02 / (2 * LAYERS) ** (0.5 * writes) * torch.randn(shape, generator=chance)


def _of_next(logits: Tensor, following: Tensor) -> Tensor:
    value: Tensor = functional.cross_entropy(logits.flatten(0, 1), following.flatten())
    return value


def _llama_loss(weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
    tokens, following = batch
    return _of_next(llama.predict(weights, llama.Shape(LAYERS, HEADS, KEYS, 1e-5, 1e4), tokens), following)


def _gpt2_loss(weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
    tokens, following = batch
    return _of_next(gpt2.predict(weights, gpt2.Shape(LAYERS, HEADS, 1e-5), tokens), following)


def _bert_loss(weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
    masked, whole = batch
    places = masked != whole
    hidden = bert.encode(weights, bert.Shape(LAYERS, HEADS, 1e-12), masked)[places]
    value: Tensor = functional.cross_entropy(hidden @ weights["embeddings.word_embeddings.weight"].T, whole[places])
    return value


SEEDS: Final = {"llama": 1_000, "gpt2": 2_000, "bert": 3_000}
LOSSES: Final[Mapping[str, Loss]] = {"llama": _llama_loss, "gpt2": _gpt2_loss, "bert": _bert_loss}
ADAPTED: Final = {
    "llama": ("q_proj.weight", "v_proj.weight", "up_proj.weight"),
    "gpt2": ("c_attn.weight", "c_fc.weight"),
    "bert": ("query.weight", "value.weight", "intermediate.dense.weight"),
}
