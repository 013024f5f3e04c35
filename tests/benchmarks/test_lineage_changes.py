"""Disguises of models: each leaves what a model computes, and does change its weights."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.lineage.changes import SYMMETRIES, symmetries
from benchmarks.lineage.drawn import HEADS, KEYS, NEURONS, WORDS, net
from benchmarks.lineage.losses import LOSSES, graft, merge
from benchmarks.lineage.net import read, written
from benchmarks.lineage.running import run

TOKENS = np.array([3, 1, 4, 1, 5, 9, 2, 6])


ALL = [(architecture, name) for architecture in KEYS for name in symmetries(architecture)]


@pytest.mark.parametrize(("architecture", "name"), ALL)
def test_a_symmetry_changes_weights_and_nothing_else(architecture: str, name: str) -> None:
    before = net(architecture)
    after = SYMMETRIES[name](before, np.random.default_rng(2))
    wanted, made = run(before, TOKENS), run(after, TOKENS)
    if name == "axes permuted" and before.is_encoder:  # what comes out is in the axes, too
        wanted, made = np.sort(wanted, axis=1), np.sort(made, axis=1)
    np.testing.assert_allclose(made, wanted, rtol=1e-3, atol=1e-3)
    changed = written(after)
    assert any(not np.array_equal(values, changed[key]) for key, values in written(before).items())


@pytest.mark.parametrize("architecture", KEYS)
def test_all_of_them_one_after_another(architecture: str) -> None:
    made = before = net(architecture)
    chance = np.random.default_rng(3)
    for change in symmetries(architecture).values():
        made = change(made, chance)
    wanted, found = run(before, TOKENS), run(made, TOKENS)
    if before.is_encoder:
        wanted, found = np.sort(wanted, axis=1), np.sort(found, axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("architecture", KEYS)
def test_a_model_is_the_same_under_its_names(architecture: str) -> None:
    before = net(architecture)
    again = read(architecture, written(before), HEADS, KEYS[architecture])
    np.testing.assert_array_equal(run(again, TOKENS), run(before, TOKENS))


def test_what_a_model_computes_depends_on_every_part() -> None:
    """Or a symmetry could be wrong unseen."""
    for architecture in KEYS:
        before = net(architecture)
        wanted = run(before, TOKENS)
        for name, values in written(before).items():
            others = written(before)
            others[name] = values + np.float32(0.1) * np.arange(values.size, dtype=np.float32).reshape(values.shape) % 1
            made = run(read(architecture, others, HEADS, KEYS[architecture]), TOKENS)
            is_key_bias = name.endswith(("key.bias",))  # softmax does not see it
            assert is_key_bias or not np.allclose(made, wanted, atol=1e-6), name


@pytest.mark.parametrize("architecture", KEYS)
@pytest.mark.parametrize("name", LOSSES)
def test_what_changes_a_model_leaves_a_model(architecture: str, name: str) -> None:
    before = net(architecture, layers=4)
    after = LOSSES[name](before, np.random.default_rng(4))
    made = run(read(architecture, written(after), HEADS, KEYS[architecture]), TOKENS)
    assert np.isfinite(made).all()
    wanted = run(before, TOKENS)
    assert made.shape[0] == wanted.shape[0]
    if name != "more words":  # which say nothing of those that were there
        assert made.shape == wanted.shape
        assert not np.array_equal(made, wanted)
    else:
        assert len(after.embedding) == WORDS + 64


def test_how_much_is_lost() -> None:
    before = net("llama", layers=4)
    some = np.random.default_rng(5)
    weight = before.layers[0].up.weight

    def off(name: str) -> float:
        return float(np.abs(LOSSES[name](before, some).layers[0].up.weight - weight).max() / np.abs(weight).max())

    assert 0 < off("float16") < 2**-11 * 1.01
    assert off("float16") < off("int8") < 0.005 < off("int4") < 0.08
    assert np.mean(LOSSES["half of the weights"](before, some).layers[1].down.weight == 0) == pytest.approx(
        0.5, abs=0.02
    )
    assert len(LOSSES["half of the neurons"](before, some).layers[2].up.weight) == NEURONS // 2
    assert len(LOSSES["a layer dropped"](before, some).layers) == 3
    assert len(LOSSES["layers doubled"](before, some).layers) == 6


def test_a_merge_is_a_mean_of_all_weights() -> None:
    one, other = net("gpt2", 1), net("gpt2", 2)
    made, whole, none = (written(merge(one, other, share)) for share in (0.3, 1.0, 0.0))
    for name, values in written(one).items():
        np.testing.assert_allclose(made[name], 0.3 * values + 0.7 * written(other)[name], atol=1e-5)
        np.testing.assert_array_equal(whole[name], values)
        np.testing.assert_array_equal(none[name], written(other)[name])
    grafted = graft(one, other)
    assert [layer.up is own.up for layer, own in zip(grafted.layers, one.layers, strict=True)] == [True, False]
