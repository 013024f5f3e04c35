"""A rotation is found from neurons, of which none is known to be another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tukar.lineage.floats import Array
from tukar.lineage.model import Neurons
from tukar.lineage.moments import rotation

from .made import Small, changed, drawn, llama, model, picked

WIDTH = 48
PARENT = drawn(1, layers=4, neurons=192)


def neurons(small: Small, *, is_gated: bool = True) -> list[Neurons]:
    made = model(llama(small))
    found = [made.neurons(block) for block in made.blocks]
    return found if is_gated else [Neurons(None, each.up, each.down) for each in found]


def shuffled(small: Small, seed: int, neurons: int = 192) -> Small:
    return picked(small, np.random.default_rng(seed).permutation(192)[:neurons])


def by(seed: int) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)


def found(of_a: Sequence[Neurons], of_b: Sequence[Neurons], seed: int) -> float:
    """How much of the rotation back was found, from 0 to 1, whatever its sign."""
    turn = rotation(of_a, [each.turned(by(seed)) for each in of_b], [range(len(of_b))] * len(of_a))
    np.testing.assert_allclose(turn @ turn.T, np.eye(WIDTH), atol=1e-4)
    return abs(float(np.trace(by(seed) @ turn))) / WIDTH


@pytest.mark.parametrize("is_gated", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_that_changed_a_little(seed: int, is_gated: bool) -> None:
    child = shuffled(changed(PARENT, 0.2, seed), seed)
    assert found(neurons(PARENT, is_gated=is_gated), neurons(child, is_gated=is_gated), seed) > 0.9


def test_a_layer_that_is_gone() -> None:
    child = shuffled(changed(PARENT, 0.05), 3)
    less = child.with_layers(child.layers[0], *child.layers[2:])
    assert found(neurons(less), neurons(PARENT), 4) > 0.9


def test_signs_of_up_and_down_do_not_matter() -> None:
    some = np.random.default_rng(5)
    copies = []
    for each in neurons(PARENT):
        signs = some.choice(np.float32([-1, 1]), (len(each), 1))
        copies.append(Neurons(each.gate, each.up * signs, each.down * signs))
    assert found(neurons(PARENT), copies, 6) > 0.99


def test_a_stranger_is_turned_anywhere() -> None:
    assert found(neurons(PARENT), neurons(drawn(2, layers=4, neurons=192)), 7) < 0.3


def test_zeros_and_a_single_neuron_are_survived() -> None:
    nothing = np.zeros((3, WIDTH), np.float32)
    one = Neurons(nothing[:1], nothing[:1] + 1, nothing[:1] + 2)
    turn = rotation([one], [Neurons(nothing, nothing, nothing)], [[0]])
    assert np.isfinite(turn).all()
