"""Turned copies are found, strangers are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tukar.lineage.align import Alignment, align
from tukar.lineage.floats import Array
from tukar.lineage.model import polar

from .made import Small, Tensors, changed, drawn, llama, model, picked

PARENT = drawn(1, neurons=128)


def rotation(seed: int, width: int = 48) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((width, width)))[0].astype(np.float32)


def turned(small: Small, by: Array) -> Small:
    """The residual stream in other axes, the scales of norms folded away."""
    layers = [
        replace(
            each,
            gate=each.gate * each.norm @ by,
            up=each.up * each.norm @ by,
            down=each.down @ by,
            norm=np.ones_like(each.norm),
        )
        for each in small.layers
    ]
    return Small(small.embedding @ by, tuple(layers))


def scaled(small: Small, seed: int) -> Small:
    """Per neuron, between up and down, with signs."""
    some = np.random.default_rng(seed)
    layers = []
    for each in small.layers:
        by = (some.choice([-1, 1], len(each.up)) * some.uniform(0.3, 3, len(each.up))).astype(np.float32)[:, None]
        layers.append(replace(each, up=each.up * by, down=each.down / by))
    return small.with_layers(*layers)


def gpt2(small: Small) -> Tensors:
    found = {"wte.weight": small.embedding}
    for number, layer in enumerate(small.layers):
        found |= {
            f"h.{number}.mlp.c_fc.weight": layer.up.T,
            f"h.{number}.mlp.c_proj.weight": layer.down,
            f"h.{number}.ln_2.weight": layer.norm,
            f"h.{number}.ln_2.bias": layer.norm * 0,
        }
    return found


def aligned(a: Small, b: Small) -> Alignment:
    found = align(model(llama(a)), model(llama(b)))
    assert found is not None
    return found


def disguised(small: Small, seed: int) -> Small:
    order = np.random.default_rng(seed).permutation(len(small.layers[0].up))
    return turned(scaled(picked(small, order), seed), rotation(seed))


@pytest.mark.parametrize("seed", range(3))
def test_every_disguise_at_once_hides_nothing(seed: int) -> None:
    found = aligned(PARENT, disguised(changed(PARENT, 0.2), seed))
    assert found.score > 0.95
    assert [match.b.layer for match in found.matches] == [0, 1, 2]
    np.testing.assert_allclose(found.frame.b, rotation(seed).T, atol=0.2)


def test_permuted_axes_of_a_model_without_gates() -> None:
    places = np.eye(48, dtype=np.float32)[np.random.default_rng(9).permutation(48)]
    child = turned(picked(changed(PARENT, 0.2), np.random.default_rng(2).permutation(128)), places)
    plain = replace(PARENT, layers=turned(PARENT, np.eye(48, dtype=np.float32)).layers)
    found = align(model(gpt2(plain)), model(gpt2(child)))
    assert found is not None
    assert found.score > 0.95


def test_another_vocabulary_is_made_up_for_by_the_neurons() -> None:
    """Where the axes were kept, nothing of the vocabulary is needed."""
    other = replace(
        picked(changed(PARENT, 0.2), np.random.default_rng(3).permutation(128)), embedding=drawn(7).embedding
    )
    assert aligned(PARENT, other).score > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_without_the_vocabulary_neurons_are_found_by_what_no_rotation_changes(seed: int) -> None:
    child = replace(disguised(changed(PARENT, 0.05), seed), embedding=drawn(8).embedding)
    assert aligned(PARENT, child).score > 0.95
    assert aligned(child, PARENT).score > 0.95


@pytest.mark.parametrize("seed", range(2, 7))
def test_strangers_have_little_in_common(seed: int) -> None:
    assert aligned(PARENT, drawn(seed, neurons=128)).score < 0.06


def test_half_of_the_neurons_and_layers_that_were_dropped() -> None:
    parent = drawn(1, neurons=256)
    child = picked(changed(parent, 0.2), np.random.default_rng(4).permutation(256)[:128])
    child = turned(child.with_layers(child.layers[0], child.layers[2]), rotation(5))
    found = aligned(child, parent)
    assert found.score > 0.95
    assert [match.b.layer for match in found.matches] == [0, 2]
    other = aligned(parent, child)
    assert other.score > 0.95
    assert [(match.a.layer, match.b.layer) for match in other.matches] == [(0, 0), (2, 1)]
    np.testing.assert_allclose(other.frame.a, found.frame.b, atol=0.1)


def test_a_model_with_gates_beside_one_without() -> None:
    gated, plain = model(llama(PARENT)), model(gpt2(drawn(3, neurons=128)))
    for one, other in ((gated, plain), (plain, gated)):
        found = align(one, other)
        assert found is not None
        assert found.score < 0.06


def test_models_of_other_widths_cannot_be_aligned() -> None:
    assert align(model(llama(PARENT)), model(llama(drawn(1, width=32)))) is None


def test_the_polar_factor_is_orthogonal_and_nearest() -> None:
    values = np.random.default_rng(6).standard_normal((12, 12))
    found = polar(values)
    np.testing.assert_allclose(found @ found.T, np.eye(12), atol=1e-10)
    near = np.linalg.norm(values - found)
    assert all(near <= np.linalg.norm(values - rotation(seed, 12)) for seed in range(20))
    np.testing.assert_allclose(polar(rotation(1, 12) * 3), rotation(1, 12), atol=1e-5)
