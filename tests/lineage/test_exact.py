"""The exact tests: no p is too small, whatever the matrix, and kin get tiny ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, permutations
from math import lgamma, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.lineage import exact
from tukar.lineage.floats import Array

Test = Callable[[Array], float]

TESTS: dict[str, Test] = {
    "trace": exact.trace,
    "fixed": lambda alike: exact.fixed(exact.mutual(alike), alike.shape[1]),
    "ordered": lambda alike: exact.ordered(exact.mutual(alike)),
    "among 1": lambda alike: exact.among(alike, 1),
    "among 2": lambda alike: exact.among(alike, 2),
    "among 4": lambda alike: exact.among(alike, 4),
}


def matrices() -> dict[str, Array]:
    """Each such that a careless test would be wrong: ties, structure, one pair that stands out, an order in both."""
    some = np.random.default_rng(5)
    noise = some.random((6, 6))
    blocks = np.kron(np.eye(2), np.ones((3, 3))) * 0.9
    return {
        "noise": noise,
        "all the same": np.full((6, 6), 0.5),
        "nothing": np.zeros((6, 6)),
        "equal neurons": np.repeat(some.random((6, 3)), 2, axis=1),
        "equal but for rounding": np.repeat(some.random((6, 3)), 2, axis=1) + 1e-7 * noise,
        "blocks": blocks,
        "blocks and noise": blocks + 0.1 * noise,
        "each has its twin": np.eye(6) * 0.8 + 0.1 * noise,
        "a slope": np.add.outer(np.arange(6), np.arange(6)) / 12,
        "a band": np.exp(-np.abs(np.subtract.outer(np.arange(6), np.arange(6)))),
    }


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("name", matrices())
def test_over_all_orders_no_p_is_too_small(test: str, name: str) -> None:
    alike = matrices()[name]
    found = [TESTS[test](alike[:, order]) for order in map(list, permutations(range(6)))]
    for log10_p in set(found):
        assert np.mean([each <= log10_p for each in found]) <= 10**log10_p + 1e-9


@pytest.mark.parametrize("test", ["fixed", "ordered", "among 1", "among 2"])
def test_the_same_where_one_has_more_neurons(test: str) -> None:
    alike = np.random.default_rng(6).random((9, 6))
    alike[np.arange(6) + 2, np.arange(6)] += 1
    found = [TESTS[test](alike[:, order]) for order in map(list, permutations(range(6)))]
    for log10_p in set(found):
        assert np.mean([each <= log10_p for each in found]) <= 10**log10_p + 1e-9


def test_kin_are_found() -> None:
    some = np.random.default_rng(7)
    alike = 0.02 * some.random((300, 300)) + 0.9 * np.eye(300)
    assert exact.trace(alike) < -45
    assert exact.fixed(exact.mutual(alike), 300) == pytest.approx(-lgamma(301) / log(10))
    kept = np.sort(some.permutation(300)[:120])
    pruned = alike[:, kept]
    assert exact.ordered(exact.mutual(pruned)) < -150
    assert exact.fixed(exact.mutual(pruned), 120) > -3


def test_strangers_are_not() -> None:
    some = np.random.default_rng(8)
    for _ in range(50):
        alike = some.random((200, 200)) ** 8
        assert min(test(alike) for test in TESTS.values()) > -4


@given(st.lists(st.integers(0, 8), max_size=8))
def test_the_longest_increasing_run(values: list[int]) -> None:
    best = 0
    for chosen in range(1 << len(values)):
        run = [value for place, value in enumerate(values) if chosen >> place & 1]
        if all(a < b for a, b in pairwise(run)):
            best = max(best, len(run))
    assert exact.increasing(values) == best


def test_of_many_tests_the_best_counts_for_what_it_is() -> None:
    assert exact.any_of([-30.0, -2.0], 100) == pytest.approx(-28)
    assert exact.any_of([-1.0], 100) == 0
    assert exact.any_of([], 0) == 0


def test_a_block_of_no_or_one_neuron_says_nothing() -> None:
    for shape in ((1, 1), (0, 0), (3, 1), (1, 3)):
        alike = np.ones(shape)
        assert exact.fixed(exact.mutual(alike), shape[1]) == 0
        assert exact.ordered(exact.mutual(alike)) == 0
    assert exact.trace(np.ones((1, 1))) == 0
