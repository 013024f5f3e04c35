"""Whole models: kin are found by the order of their neurons, strangers are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tukar.lineage.order import Order, compare

from .made import Small, changed, drawn, llama, model, picked

PARENT = drawn(1)


def compared(a: Small, b: Small) -> Order:
    return compare(model(llama(a)), model(llama(b)))


def test_a_fine_tune_is_found() -> None:
    order = compared(PARENT, changed(PARENT, 0.3))
    assert order.log10_p < -100
    assert [(each.a, each.b) for each in order.blocks] == [(block, block) for block in model(llama(PARENT)).blocks]
    assert order.axes is not None
    assert all(each.same > 0.95 for each in (*order.blocks, order.axes))


@pytest.mark.parametrize("seed", range(2, 12))
def test_strangers_are_not(seed: int) -> None:
    order = compared(PARENT, drawn(seed))
    assert order.log10_p > -1
    assert order.axes is not None
    assert all(each.same < 0.1 for each in (*order.blocks, order.axes))


def test_a_merge_with_a_stranger_is_found() -> None:
    other = drawn(2)
    layers = [
        replace(a, gate=0.3 * a.gate + 0.7 * b.gate, up=0.3 * a.up + 0.7 * b.up, down=0.3 * a.down + 0.7 * b.down)
        for a, b in zip(PARENT.layers, other.layers, strict=True)
    ]
    merged = Small(0.3 * PARENT.embedding + 0.7 * other.embedding, tuple(layers))
    assert compared(PARENT, merged).log10_p < -20
    assert compared(other, merged).log10_p < -100


def test_layers_that_were_dropped_moved_or_doubled_are_found_where_they_are() -> None:
    first, second, third = PARENT.layers
    order = compared(PARENT, changed(PARENT.with_layers(first, third, third, second, first), 0.1))
    partners = [each.b.layer for each in order.blocks]
    assert partners[1] == 3
    assert partners[0] in (0, 4)
    assert partners[2] in (1, 2)
    assert order.log10_p < -100


def test_pruned_neurons_leave_the_others_in_order() -> None:
    kept = np.sort(np.random.default_rng(3).permutation(96)[:48])
    order = compared(PARENT, picked(changed(PARENT, 0.2), kept))
    assert order.log10_p < -20
    assert all(each.in_order > 0.9 for each in order.blocks)


def test_neurons_in_another_order_say_nothing_but_the_axes_do() -> None:
    turned = picked(changed(PARENT, 0.1), np.random.default_rng(4).permutation(96))
    order = compared(PARENT, turned)
    assert order.axes is not None
    assert order.axes.log10_p < -30
    assert not order.sure()
    assert all(each.log10_p > -4 for each in order.blocks)
    assert order.log10_p < -30


@pytest.mark.parametrize("moved", [40, 48])
def test_axes_in_another_order_are_found_by_the_vocabulary(moved: int) -> None:
    """What neurons read stands at other places then, so blocks are strangers until the axes are aligned, or nearly."""
    places = np.arange(48)
    places[:moved] = np.random.default_rng(5).permutation(moved)
    layers = [
        replace(
            each, gate=each.gate[:, places], up=each.up[:, places], down=each.down[:, places], norm=each.norm[places]
        )
        for each in PARENT.layers
    ]
    order = compared(PARENT, Small(PARENT.embedding[:, places], tuple(layers)))
    assert order.log10_p < -100
    assert order.frame is not None
    assert order.frame.name == "vocabulary"
    assert order.is_plain
    without = compared(PARENT, Small(drawn(3).embedding, tuple(layers)))
    assert (without.log10_p > -1) == (moved == 48)
    assert not without.is_plain


def test_models_of_other_widths_say_nothing() -> None:
    order = compared(PARENT, drawn(2, width=32))
    assert order == Order(0.0)


def test_a_model_is_its_own_kin_in_both_directions() -> None:
    child = changed(PARENT, 0.3)
    assert compared(PARENT, child).log10_p == pytest.approx(compared(child, PARENT).log10_p, rel=0.05)
