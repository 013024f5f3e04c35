"""The table of architectures: the same neurons are found under all names and in all forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tukar.errors import Invalid
from tukar.lineage.architectures import TABLE, recognise
from tukar.lineage.countsketch import CountSketch
from tukar.lineage.floats import Array
from tukar.lineage.model import Neurons, opened, unit
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource
from tukar.testing.gguf import tiny_gguf

from .made import Layer, Small, Tensors, drawn, llama, model, safetensors

SMALL = drawn(1)


def named(small: Small, embedding: str, parts: Callable[[Layer], Tensors], layer: str = "model.layers.{}.") -> Tensors:
    found = {embedding: small.embedding}
    for number, each in enumerate(small.layers):
        found |= {layer.format(number) + name: values for name, values in parts(each).items()}
    return found


def gated(layer: Layer, mlp: str = "mlp", norm: str = "post_attention_layernorm") -> Tensors:
    return {
        f"{mlp}.gate_proj.weight": layer.gate,
        f"{mlp}.up_proj.weight": layer.up,
        f"{mlp}.down_proj.weight": layer.down.T,
        f"{norm}.weight": layer.norm,
    }


def fused(layer: Layer) -> Tensors:
    return {
        "mlp.gate_up_proj.weight": np.concatenate([layer.gate, layer.up]),
        "mlp.down_proj.weight": layer.down.T,
        "post_attention_layernorm.weight": layer.norm,
    }


def gemma(layer: Layer) -> Tensors:
    norm = {"post_attention_layernorm.weight": layer.norm * 3, "pre_feedforward_layernorm.weight": layer.norm - 1}
    return {name: values for name, values in gated(layer).items() if "norm" not in name} | norm


def mixtral(layer: Layer) -> Tensors:
    found = {"post_attention_layernorm.weight": layer.norm}
    for number, part in enumerate(np.array_split(np.arange(len(layer.up)), 4)):
        name = f"block_sparse_moe.experts.{number}"
        found |= {
            f"{name}.w1.weight": layer.gate[part],
            f"{name}.w2.weight": layer.down[part].T,
            f"{name}.w3.weight": layer.up[part],
        }
    return found


def stacked(layer: Layer) -> Tensors:
    parts = np.array_split(np.arange(len(layer.up)), 4)
    return {
        "ffn_gate_exps.weight": np.stack([layer.gate[part] for part in parts]),
        "ffn_up_exps.weight": np.stack([layer.up[part] for part in parts]),
        "ffn_down_exps.weight": np.stack([layer.down[part].T for part in parts]),
        "ffn_norm.weight": layer.norm,
    }


def gguf(layer: Layer) -> Tensors:
    return {
        "ffn_gate.weight": layer.gate,
        "ffn_up.weight": layer.up,
        "ffn_down.weight": layer.down.T,
        "ffn_norm.weight": layer.norm,
    }


def plain(up: str, down: str, norm: str, *, turned: bool = False) -> Callable[[Layer], Tensors]:
    def parts(layer: Layer) -> Tensors:
        return {
            f"{up}.weight": layer.up.T if turned else layer.up,
            f"{down}.weight": layer.down if turned else layer.down.T,
            f"{norm}.weight": layer.norm,
            f"{norm}.bias": layer.norm * 0,
        }

    return parts


GATED = {
    "LLaMA": llama(SMALL),
    "LLaMA, Phi 3": named(SMALL, "model.embed_tokens.weight", fused),
    "LLaMA, in a vision model": named(
        SMALL, "language_model.model.embed_tokens.weight", gated, "language_model.model.layers.{}."
    ),
    "LLaMA, Mixtral": named(SMALL, "model.embed_tokens.weight", mixtral),
    "Gemma": named(SMALL, "model.embed_tokens.weight", gemma),
    "GGUF": named(SMALL, "token_embd.weight", gguf, "blk.{}."),
    "GGUF, experts": named(SMALL, "token_embd.weight", stacked, "blk.{}."),
}
PLAIN = {
    "GPT-2": named(
        SMALL, "transformer.wte.weight", plain("mlp.c_fc", "mlp.c_proj", "ln_2", turned=True), "transformer.h.{}."
    ),
    "GPT-2, without its head": named(
        SMALL, "wte.weight", plain("mlp.c_fc", "mlp.c_proj", "ln_2", turned=True), "h.{}."
    ),
    "GPT-NeoX": named(
        SMALL,
        "gpt_neox.embed_in.weight",
        plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h", "post_attention_layernorm"),
        "gpt_neox.layers.{}.",
    ),
    "Phi": named(SMALL, "model.embed_tokens.weight", plain("mlp.fc1", "mlp.fc2", "input_layernorm")),
    "BERT": named(
        SMALL,
        "bert.embeddings.word_embeddings.weight",
        plain("intermediate.dense", "output.dense", "attention.output.LayerNorm"),
        "bert.encoder.layer.{}.",
    ),
    "GGUF without gates": named(SMALL, "token_embd.weight", plain("ffn_up", "ffn_down", "ffn_norm"), "blk.{}."),
    "GGUF of an encoder": named(SMALL, "token_embd.weight", plain("ffn_up", "ffn_down", "attn_output_norm"), "blk.{}."),
}


def expected(layer: Layer, *, is_gated: bool, part: Array) -> Neurons:
    """By the definitions, on one block's neurons."""
    up, gate = layer.up[part] * layer.norm, layer.gate[part] * layer.norm
    if is_gated:
        return Neurons(unit(gate - gate.mean(axis=0)), unit(up), unit(layer.down[part]))
    up = up - up.mean(axis=1, keepdims=True)
    return Neurons(None, unit(up - up.mean(axis=0)), unit(layer.down[part]))


@pytest.mark.parametrize("name", [*GATED, *PLAIN])
def test_the_neurons_are_the_same_under_all_names(name: str) -> None:
    found = model((GATED | PLAIN)[name])
    assert found.architecture.name == name.split(",")[0]
    assert (found.layers, found.width) == (3, 48)
    assert found.embedding is not None
    experts = len(found.blocks) // 3
    assert experts == (4 if name in ("LLaMA, Mixtral", "GGUF, experts") else 1)
    for block in found.blocks:
        part = np.array_split(np.arange(96), experts)[block.expert]
        wanted = expected(SMALL.layers[block.layer], is_gated=name in GATED, part=part)
        read = found.neurons(block)
        assert found.count(block) == len(read) == 96 // experts
        np.testing.assert_allclose(read.up, wanted.up, atol=1e-5)
        np.testing.assert_allclose(read.down, wanted.down, atol=1e-5)
        assert (read.gate is None) == (wanted.gate is None)
        if read.gate is not None:
            np.testing.assert_allclose(read.gate, wanted.gate, atol=1e-5)


@pytest.mark.parametrize("name", [*GATED, *PLAIN])
def test_some_of_the_neurons_are_the_first(name: str) -> None:
    found = model((GATED | PLAIN)[name])
    some, every = found.neurons(found.blocks[0], 10), found.neurons(found.blocks[0])
    assert len(some) == 10
    np.testing.assert_allclose(some.down, every.down[:10], atol=1e-6)


@pytest.mark.parametrize("name", [*GATED, *PLAIN])
def test_what_is_folded_piece_by_piece_is_what_is_folded_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tukar.lineage.model._AT_ONCE", 200)  # elements: five rows or so
    found, axes = model((GATED | PLAIN)[name]), CountSketch(48, 10)
    block = found.blocks[-1]
    for most in (None, 7):
        pieces, whole = found.vectors(block, most, axes), found.vectors(block, most).turned(axes)
        for piece, wanted in zip(pieces.all(), whole.all(), strict=True):
            assert (piece is None) == (wanted is None)
            if piece is not None:
                np.testing.assert_allclose(piece, wanted, atol=1e-5)


@pytest.mark.parametrize("name", [*GATED, *PLAIN])
def test_some_of_the_axes_that_are_written_are_the_first(name: str) -> None:
    found = model((GATED | PLAIN)[name])
    some, every = found.vectors(found.blocks[0], 9, written=11), found.vectors(found.blocks[0], 9)
    np.testing.assert_array_equal(some.down, every.down[:, :11])
    np.testing.assert_array_equal(some.up, every.up)


@pytest.mark.parametrize("name", [*GATED, *PLAIN])
def test_what_neurons_write_is_left_out_only_where_there_are_gates(name: str) -> None:
    found = model((GATED | PLAIN)[name])
    block = found.blocks[-1]
    assert found.is_gated(block) == (name in GATED)
    for way in (None, CountSketch(48, 10), np.eye(48, 10, dtype=np.float32)):
        some, every = found.neurons(block, axes=way, is_whole=False), found.neurons(block, axes=way)
        assert some.down.shape == (len(every), 0 if name in GATED else every.down.shape[1])
        np.testing.assert_array_equal(some.up, every.up)


def test_every_entry_of_the_table_is_tried_here() -> None:
    tried = {name.split(",")[0] for name in (*GATED, *PLAIN)}
    assert tried == {architecture.name for architecture in TABLE}


def test_scales_that_change_nothing_are_not_seen() -> None:
    layers = []
    for layer in SMALL.layers:
        by = np.linspace(0.5, 2, 96, dtype=np.float32)[:, None]
        turned = np.linspace(-1, 3, 48, dtype=np.float32)
        layers.append(Layer(layer.gate / turned, layer.up / turned * by, layer.down / by, layer.norm * turned))
    one, other = model(llama(SMALL)), model(llama(SMALL.with_layers(*layers)))
    for a, b in zip(one.blocks, other.blocks, strict=True):
        np.testing.assert_allclose(one.neurons(a).up, other.neurons(b).up, atol=1e-5)
        np.testing.assert_allclose(one.neurons(a).down, other.neurons(b).down, atol=1e-5)


def test_what_is_not_known_is_not_recognised() -> None:
    assert recognise(["conv1.weight", "layers.0.mlp.up_proj.weight"]) is None
    assert opened(Weights([BytesSource(tiny_gguf())])) is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.layers.1.mlp.down_proj.weight", (48, 95)),
        ("model.layers.1.mlp.gate_proj.weight", (96, 47)),
        ("model.layers.2.mlp.up_proj.weight", (96,)),
        ("model.layers.0.post_attention_layernorm.weight", (3, 16)),
        ("model.layers.2.post_attention_layernorm.weight", (49,)),
        ("model.layers.0.post_attention_layernorm.weight", ()),
        ("model.layers.0.mlp.down_proj.weight", (48, 0)),
        ("model.layers.0.mlp.down_proj.weight", (0, 96)),
        ("model.layers.0.mlp.up_proj.weight", (2, 96, 48)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(Invalid):
        model(dict(llama(SMALL)) | {name: np.zeros(shape, np.float32)})


@pytest.mark.parametrize("part", ["mlp.down_proj", "mlp.gate_proj", "post_attention_layernorm"])
def test_parts_that_are_missing_are_refused(part: str) -> None:
    tensors = dict(llama(SMALL))
    del tensors[f"model.layers.1.{part}.weight"]
    with pytest.raises(Invalid, match=r"layers\.1"):
        model(tensors)


def test_numbers_that_are_none_are_no_harm() -> None:
    tensors = dict(llama(SMALL))
    spoiled = tensors["model.layers.0.mlp.up_proj.weight"].copy()
    spoiled[0], spoiled[1], spoiled[2, 3] = np.nan, np.inf, 3e38
    found = model(tensors | {"model.layers.0.mlp.up_proj.weight": spoiled})
    read = found.neurons(found.blocks[0])
    assert np.isfinite(read.up).all()
    assert not read.up[:2].any()


def test_a_model_in_shards_is_one_model() -> None:
    tensors = list(llama(SMALL).items())
    halves = [safetensors(dict(tensors[:7])), safetensors(dict(tensors[7:]), "BF16")]
    found = opened(Weights(map(BytesSource, halves)))
    assert found is not None
    assert len(found.blocks) == 3
    with pytest.raises(Invalid, match="two files"):
        Weights(map(BytesSource, [halves[0], halves[0]]))
    with pytest.raises(Invalid, match="no tensors"):
        Weights([BytesSource(b"a text")])


@pytest.mark.parametrize("prefix", ["{0}.", "{layer.__class__}.", "}{.", "%s."])
def test_names_are_never_taken_for_formats(prefix: str) -> None:
    tensors = {name.replace("model.", prefix, 1): values for name, values in llama(SMALL).items()}
    assert len(model(tensors).blocks) == 3


def test_matrices_of_gpt2_with_three_axes_are_refused() -> None:
    tensors = dict(PLAIN["GPT-2"])
    name = "transformer.h.0.mlp.c_fc.weight"
    with pytest.raises(Invalid):
        model(tensors | {name: tensors[name][None]})


def test_a_vocabulary_without_words_is_none() -> None:
    found = model(dict(llama(SMALL)) | {"model.embed_tokens.weight": np.zeros((0, 48), np.float32)})
    assert found.embedding is None
    assert found.tokens(10) is None
