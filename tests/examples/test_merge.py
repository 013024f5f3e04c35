"""Merging an adapter adds its product to the weights that it names, and to no other."""

from __future__ import annotations

import numpy as np
import pytest
from family import weights
from family.lora import Adapter, merge, product

RANDOM = np.random.default_rng(0)
A, B = (RANDOM.standard_normal(shape).astype(np.float32) for shape in ((3, 7), (5, 3)))


def model() -> weights.Weights:
    values = RANDOM.standard_normal((5, 7)).astype(np.float32)
    return {"adapted": weights.to_bfloat16(values), "other": weights.to_bfloat16(values[0])}


def test_the_product_is_scale_times_b_times_a() -> None:
    exact = 2.0 * B.astype(np.float64) @ A.astype(np.float64)
    np.testing.assert_allclose(product(A, B, 2.0), exact, atol=1e-5)


def test_the_sum_is_rounded_once() -> None:
    base = model()
    merged = merge(base, Adapter({"adapted": (A, B)}, 2.0))
    exact = weights.from_bfloat16(base["adapted"]) + 2.0 * B.astype(np.float64) @ A.astype(np.float64)
    error = np.abs(weights.from_bfloat16(merged["adapted"]) - exact)
    # bfloat16 keeps eight significant bits, so its nearest value is within 2**-8 of the exact one.
    assert (error <= np.abs(exact) * 2.0**-8 + 1e-5).all()
    assert (merged["adapted"] != base["adapted"]).any()


def test_other_tensors_are_the_base_s_own() -> None:
    base = model()
    merged = merge(base, Adapter({"adapted": (A, B)}, 2.0))
    assert merged["other"] is base["other"]
    assert list(merged) == list(base)


def test_factors_of_nothing_change_nothing() -> None:
    base = model()
    merged = merge(base, Adapter({"adapted": (A, np.zeros_like(B))}, 2.0))
    np.testing.assert_array_equal(merged["adapted"], base["adapted"])


def test_an_adapter_for_another_model_is_refused() -> None:
    with pytest.raises(KeyError, match="absent"):
        merge(model(), Adapter({"absent": (A, B)}, 2.0))
