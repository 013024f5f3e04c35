"""What the tensors of an architecture are called, and how they work together: a table, one entry each.

Names are those of Hugging Face's ``transformers`` and of llama.cpp's GGUF files. What stands before ``layers.0`` (as in
``model.layers.0``) may be anything. A part that an architecture lacks, or does not need to be told by, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mlp:
    """A layer's feed-forward part: from the residual stream into neurons and back. ``{expert}`` counts experts from 0.

    Attributes:
        up, down: the matrices into the neurons and out of them.
        norm: what scales the residual stream before it is read.
        gate: the matrix whose activation multiplies the neurons; None where there is none, or ``up`` begins with it.
    """

    up: str
    down: str
    norm: str
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class Architecture:
    """One entry.

    Attributes:
        name: as people say it.
        layer: what the names of a layer's parts begin with; ``{layer}`` counts from 0.
        mlps: the feed-forward parts that a layer may have: one of these, or several together.
        embedding: the matrix of the vocabulary.
        is_transposed: matrices have a column for each output, as GPT-2's do.
        offset: what is added to the weights of a norm, as in Gemma.
    """

    name: str
    layer: str
    mlps: tuple[Mlp, ...]
    embedding: str
    is_transposed: bool = False
    offset: float = 0.0


def _gated(part: str, norm: str = "post_attention_layernorm") -> Mlp:
    return Mlp(f"{part}.up_proj.weight", f"{part}.down_proj.weight", f"{norm}.weight", gate=f"{part}.gate_proj.weight")


_MIXTRAL: Final = "block_sparse_moe.experts.{expert}"

TABLE: Final[tuple[Architecture, ...]] = (
    # Gemma 2 and later. The first one has LLaMA's names, so its offset cannot be told by them.
    Architecture(
        "Gemma", "layers.{layer}.", (_gated("mlp", "pre_feedforward_layernorm"),), "embed_tokens.weight", offset=1.0
    ),
    # Mistral, Qwen, Mixtral, Phi 3 (whose gate and up are one matrix)
    Architecture(
        "LLaMA",
        "layers.{layer}.",
        (
            _gated("mlp"),
            _gated("mlp.experts.{expert}"),
            _gated("mlp.shared_expert"),
            Mlp(
                f"{_MIXTRAL}.w3.weight",
                f"{_MIXTRAL}.w2.weight",
                "post_attention_layernorm.weight",
                gate=f"{_MIXTRAL}.w1.weight",
            ),
            Mlp("mlp.gate_up_proj.weight", "mlp.down_proj.weight", "post_attention_layernorm.weight"),
        ),
        "embed_tokens.weight",
    ),
    Architecture(  # 1 and 2
        "Phi",
        "layers.{layer}.",
        (Mlp("mlp.fc1.weight", "mlp.fc2.weight", "input_layernorm.weight"),),
        "embed_tokens.weight",
    ),
    Architecture(
        "GPT-2",
        "h.{layer}.",
        (Mlp("mlp.c_fc.weight", "mlp.c_proj.weight", "ln_2.weight"),),
        "wte.weight",
        is_transposed=True,
    ),
    Architecture(
        "GPT-NeoX",
        "layers.{layer}.",
        (Mlp("mlp.dense_h_to_4h.weight", "mlp.dense_4h_to_h.weight", "post_attention_layernorm.weight"),),
        "embed_in.weight",
    ),
    # MiniLM, RoBERTa
    Architecture(
        "BERT",
        "encoder.layer.{layer}.",
        (Mlp("intermediate.dense.weight", "output.dense.weight", "attention.output.LayerNorm.weight"),),
        "embeddings.word_embeddings.weight",
    ),
    Architecture(
        "GGUF",
        "blk.{layer}.",
        (
            Mlp("ffn_up.weight", "ffn_down.weight", "ffn_norm.weight", gate="ffn_gate.weight"),
            Mlp("ffn_up_exps.weight", "ffn_down_exps.weight", "ffn_norm.weight", gate="ffn_gate_exps.weight"),
            Mlp("ffn_up_shexp.weight", "ffn_down_shexp.weight", "ffn_norm.weight", gate="ffn_gate_shexp.weight"),
        ),
        "token_embd.weight",
    ),
    # GPT-2, GPT-NeoX, Phi 3
    Architecture(
        "GGUF without gates",
        "blk.{layer}.",
        (Mlp("ffn_up.weight", "ffn_down.weight", "ffn_norm.weight"),),
        "token_embd.weight",
    ),
    Architecture(
        "GGUF of an encoder",
        "blk.{layer}.",
        (Mlp("ffn_up.weight", "ffn_down.weight", "attn_output_norm.weight"),),
        "token_embd.weight",
    ),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """An architecture in a model's names.

    Attributes:
        prefix: what stands before the names of the table.
        layers: how many there are.
    """

    architecture: Architecture
    prefix: str
    layers: int


def recognise(names: Iterable[str]) -> Recognised | None:
    """Whose names these are: the first entry of the table that has a whole feed-forward part here; None if none has."""
    known = frozenset(names)
    for architecture in TABLE:
        for mlp in architecture.mlps:
            prefix = _prefix(architecture, mlp, known)
            if prefix is not None:
                return Recognised(architecture, prefix, _layers(architecture.layer, prefix, known))
    return None


def _prefix(architecture: Architecture, mlp: Mlp, known: frozenset[str]) -> str | None:
    """What stands before the parts of the first layer, the shortest; None if they are not all here."""
    parts = [part for part in (mlp.up, mlp.down, mlp.norm, mlp.gate) if part is not None]
    up, *others = ((architecture.layer + part).format(layer=0, expert=0) for part in parts)
    prefixes = [name.removesuffix(up) for name in known if name == up or name.endswith(f".{up}")]
    whole = [prefix for prefix in prefixes if all(prefix + other in known for other in others)]
    return min(whole, key=lambda prefix: (len(prefix), prefix), default=None)


def _layers(layer: str, prefix: str, known: frozenset[str]) -> int:
    before, after = (re.escape(part) for part in layer.split("{layer}"))
    pattern = re.compile(rf"{re.escape(prefix)}{before}(\d{{1,5}}){after}")
    return 1 + max(int(match[1]) for name in known if (match := pattern.match(name)))
