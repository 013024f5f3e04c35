"""A pair of the shapes of a 7B model with random weights, written piece by piece: for memory and time, not for rates.

The child is the parent after a change of every weight, its neurons in the parent's order or in another; a stranger has
weights of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from tukar.lineage.floats import Array

Kind = Literal["parent", "tuned", "permuted", "stranger"]

CHANGE: Final = 0.3  # of every weight's deviation, by the child
_AT_ONCE: Final = 1 << 24  # elements


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a LLaMA-style model."""

    width: int = 4096
    neurons: int = 11008
    layers: int = 32
    vocabulary: int = 32000

    def tensors(self) -> dict[str, tuple[int, int]]:
        """All matrices, outputs by inputs; norms have one row."""
        found = {"model.embed_tokens.weight": (self.vocabulary, self.width)}
        for layer in range(self.layers):
            name = f"model.layers.{layer}"
            found |= {f"{name}.self_attn.{part}_proj.weight": (self.width, self.width) for part in "qkvo"}
            found |= {f"{name}.mlp.{part}_proj.weight": (self.neurons, self.width) for part in ("gate", "up")}
            found[f"{name}.mlp.down_proj.weight"] = (self.width, self.neurons)
            found |= {f"{name}.{norm}_layernorm.weight": (1, self.width) for norm in ("input", "post_attention")}
        return found | {"model.norm.weight": (1, self.width), "lm_head.weight": (self.vocabulary, self.width)}


def write(folder: Path, shape: Shape, kind: Kind) -> None:
    """One of them as ``model.safetensors``, in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    header, at = {}, 0
    for name, (rows, columns) in shape.tensors().items():
        size = 2 * rows * columns
        shown = [columns] if rows == 1 else [rows, columns]
        header[name] = {"dtype": "BF16", "shape": shown, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for number, (name, (rows, columns)) in enumerate(shape.tensors().items()):
            for values in _values(shape, kind, number, name, rows, columns):
                file.write(((values.view(np.uint32) + 0x8000) >> 16).astype(np.uint16).tobytes())


def _values(shape: Shape, kind: Kind, number: int, name: str, rows: int, columns: int) -> Iterator[Array]:
    if rows == 1:
        yield np.ones(columns, np.float32)
        return
    order = None
    if kind == "permuted" and ".mlp." in name:
        order = np.random.default_rng([number // 9, 9]).permutation(shape.neurons)  # a layer's matrices have one
    step = max(_AT_ONCE // columns, 1)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        yield _piece(kind, number, name, slice(start, stop), columns, order)


def _piece(kind: Kind, number: int, name: str, rows: slice, columns: int, order: Array | None) -> Array:
    of_down = "down_proj" in name
    if order is None or of_down:
        values = _rows(number, range(rows.start, rows.stop), columns, kind == "stranger")
        if order is not None:
            values = values[:, order]
    else:
        values = np.concatenate([_rows(number, [row], columns, is_other=False) for row in order[rows]])
    if kind in ("tuned", "permuted"):
        chance = np.random.default_rng([number, rows.start, 7])
        values += np.float32(CHANGE * 0.02) * chance.standard_normal(values.shape, dtype=np.float32)
    return values


def _rows(number: int, rows: range | list[int], columns: int, is_other: bool) -> Array:
    """Rows that are the same whichever others are asked for."""
    drawn = [
        np.random.default_rng([number, row, int(is_other)]).standard_normal(columns, dtype=np.float32) for row in rows
    ]
    return np.float32(0.02) * np.stack(drawn)
