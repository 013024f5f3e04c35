"""Sentence embeddings from a pulled model folder, with NumPy alone.

The model is BERT (Devlin et al. 2019, arXiv:1810.04805) with mean pooling and unit length (Reimers and Gurevych 2019,
arXiv:1908.10084), in float32 whatever the file's float type.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from family import weights
from family.wordpiece import WordPiece

Floats = NDArray[np.float32]
BATCH = 32


@dataclass(frozen=True)
class MiniLM:
    """A loaded model; ``tensors`` are float32."""

    tensors: dict[str, Floats]
    tokenizer: WordPiece
    layers: int
    heads: int
    epsilon: float

    @classmethod
    def load(cls, folder: Path) -> MiniLM:
        """Load *folder*: config.json, model.safetensors, vocab.txt, sentence_bert_config.json."""
        config = json.loads((folder / "config.json").read_text())
        longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        stored = weights.read(folder / "model.safetensors")
        return cls(
            tensors={name: weights.floats(tensor) for name, tensor in stored.items() if tensor.dtype.kind != "i"},
            tokenizer=WordPiece.from_file(folder / "vocab.txt", longest),
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, one a row, of shape ``(len(texts), hidden size)``."""
        ids = [self.tokenizer.encode(text) for text in texts]
        # Texts of like length share a batch, so that little is computed on padding.
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        vectors = np.empty((len(ids), self.tensors["embeddings.LayerNorm.weight"].size), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._batch([ids[row] for row in rows])
        return vectors

    def _batch(self, sequences: list[list[int]]) -> Floats:
        ids, mask = pad(sequences)
        hidden = self._embeddings(ids)
        for layer in range(self.layers):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, mask)
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _embeddings(self, ids: NDArray[np.int64]) -> Floats:
        table = self.tensors
        words = table["embeddings.word_embeddings.weight"][ids]
        places = table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        segment = table["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", words + places + segment)

    def _layer(self, name: str, hidden: Floats, mask: Floats) -> Floats:
        attended = self._linear(f"{name}.attention.output.dense", self._attention(name, hidden, mask))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", hidden + attended)
        wide = gelu(self._linear(f"{name}.intermediate.dense", hidden))
        return self._norm(f"{name}.output.LayerNorm", hidden + self._linear(f"{name}.output.dense", wide))

    def _attention(self, name: str, hidden: Floats, mask: Floats) -> Floats:
        query, key, value = (self._split(f"{name}.attention.self.{part}", hidden) for part in ("query", "key", "value"))
        scores = query @ key.swapaxes(2, 3) / np.sqrt(np.float32(query.shape[3]))
        scores += np.where(mask[:, None, None, :] > 0, np.float32(0), np.float32(-1e9))
        share = np.exp(scores - scores.max(axis=3, keepdims=True))
        share /= share.sum(axis=3, keepdims=True)
        mixed: Floats = share @ value
        return mixed.swapaxes(1, 2).reshape(hidden.shape)

    def _split(self, name: str, hidden: Floats) -> Floats:
        batch, length, _ = hidden.shape
        return self._linear(name, hidden).reshape(batch, length, self.heads, -1).swapaxes(1, 2)

    def _linear(self, name: str, values: Floats) -> Floats:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return (values.reshape(-1, weight.shape[1]) @ weight.T + bias).reshape(*values.shape[:-1], -1)

    def _norm(self, name: str, values: Floats) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        scaled: Floats = centred / deviation * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]
        return scaled


def pad(sequences: list[list[int]]) -> tuple[NDArray[np.int64], Floats]:
    """Ids and mask (1 where there is an id, else 0), each of shape ``(sequences, longest sequence)``."""
    longest = max(map(len, sequences))
    ids = np.array([ids + [0] * (longest - len(ids)) for ids in sequences])
    mask = np.array([[1.0] * len(ids) + [0.0] * (longest - len(ids)) for ids in sequences], np.float32)
    return ids, mask


def gelu(values: Floats) -> Floats:
    """``x * Phi(x)`` (Hendrycks and Gimpel 2016, arXiv:1606.08415), with the error function's rational approximation.

    Abramowitz and Stegun 1964, formula 7.1.26, of absolute error at most 1.5e-7: NumPy has no error function.
    """
    size = np.abs(values)
    t = 1 / (1 + (0.3275911 * 0.5**0.5) * size)
    tail = t * 1.061405429
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += coefficient
        tail *= t
    tail *= np.exp(-0.5 * np.square(size))
    # tail is 1 - erf(|x| / sqrt 2), so x * Phi(x) is x - x * tail / 2 above zero and x * tail / 2 below.
    result: Floats = np.maximum(values, 0) - 0.5 * size * tail
    return result
