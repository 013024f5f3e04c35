"""Models as folders that other tools read: weights, configuration and tokenizer under the names of transformers.

Weights are float32, whatever rounding their values went through. No tokenizer of the zoo exists as a file: its tokens
are numbers of common words, so that a word is made up for each, the same for all models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.lineage.measure import file
from benchmarks.lineage.net import Net, written

POSITIONS: Final = 64  # of a model that has no table of them
_PREFIX: Final = {"llama": "", "gpt2": "transformer.", "bert": ""}
_END: Final = "<end>"

Config = dict[str, Any]


def write(net: Net, folder: Path, words: str = "word") -> Path:
    """The folder, made anew.

    Args:
        net: the model.
        folder: where to; it must not exist.
        words: what the made-up words of its vocabulary begin with: other ones are another vocabulary.
    """
    folder.mkdir(parents=True)
    tensors = {_name(net, name): np.ascontiguousarray(values, np.float32) for name, values in written(net).items()}
    (folder / "model.safetensors").write_bytes(file(tensors))
    for name, content in (("config", config(net)), ("tokenizer", tokenizer(net, words)), ("tokenizer_config", _FAST)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def config(net: Net) -> Config:
    """What config.json says, in the words of the architecture."""
    return _CONFIGS[net.architecture](net) | {
        "vocab_size": len(net.embedding),
        "bos_token_id": len(net.embedding) - 1,
        "eos_token_id": len(net.embedding) - 1,
        "tie_word_embeddings": net.head is None,
        "dtype": "float32",
        "torch_dtype": "float32",  # as it was called before
    }


def tokenizer(net: Net, words: str) -> Config:
    """A word for each row of the vocabulary; the last one is what ends a text."""
    names = [f"{words}{number}" for number in range(len(net.embedding) - 1)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {name: number for number, name in enumerate([*names, _END])},
            "unk_token": _END,
        },
    }


_FAST: Final[Config] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": _END,
    "eos_token": _END,
    "unk_token": _END,
}


def _name(net: Net, name: str) -> str:
    return name if name.startswith("lm_head.") else _PREFIX[net.architecture] + name


def _positions(net: Net) -> int:
    return next((len(rows) for name, rows in net.others.items() if "token_type" not in name), POSITIONS)


def _neurons(net: Net) -> int:
    """Of the first layer: all of a model have as many."""
    return len(net.layers[0].up.weight)


def _llama(net: Net) -> Config:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": net.width,
        "intermediate_size": _neurons(net),
        "num_hidden_layers": len(net.layers),
        "num_attention_heads": net.heads,
        "num_key_value_heads": net.keys,
        "head_dim": len(net.layers[0].query.weight) // net.heads,
        "hidden_act": "silu",
        "max_position_embeddings": _positions(net),
        "rms_norm_eps": 1e-5,
        "rope_theta": 1e4,
        "attention_bias": False,
        "mlp_bias": False,
    }


def _gpt2(net: Net) -> Config:
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_embd": net.width,
        "n_inner": _neurons(net),
        "n_layer": len(net.layers),
        "n_head": net.heads,
        "n_positions": _positions(net),
        "activation_function": "gelu",
        "layer_norm_epsilon": 1e-5,
    }


def _bert(net: Net) -> Config:
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": net.width,
        "intermediate_size": _neurons(net),
        "num_hidden_layers": len(net.layers),
        "num_attention_heads": net.heads,
        "hidden_act": "gelu",
        "max_position_embeddings": _positions(net),
        "type_vocab_size": len(net.others["embeddings.token_type_embeddings.weight"]),
        "layer_norm_eps": 1e-12,
    }


_CONFIGS: Final[Mapping[str, Callable[[Net], Config]]] = {"llama": _llama, "gpt2": _gpt2, "bert": _bert}
