"""Elements as floats: every dtype that files have."""

from __future__ import annotations

import gguf
import numpy as np
import pytest

from tukar.errors import Invalid, Unsupported
from tukar.lineage.floats import as_floats, finite

VALUES = np.array([[0.0, -0.0, 1.0], [-2.5, 448.0, 2.0**-9]], np.float32)


@pytest.mark.parametrize("dtype", ["F16", "F32", "F64"])
def test_floats_are_what_numpy_makes_of_them(dtype: str) -> None:
    data = VALUES.astype(f"<f{int(dtype[1:]) // 8}").tobytes()
    np.testing.assert_array_equal(as_floats(dtype, data, (2, 3)), VALUES)


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    values = as_floats("BF16", bytes.fromhex("803f 00c0 80ff c07f"), (4,))
    np.testing.assert_array_equal(values, np.array([1, -2, -np.inf, np.nan], np.float32))


def test_float8_has_the_values_of_its_specification() -> None:
    """arXiv:2209.05433, table 1."""
    e4m3 = as_floats("F8_E4M3", bytes([0x00, 0x01, 0x07, 0x08, 0x38, 0x7E, 0xFE, 0x7F, 0xFF]), (9,))
    np.testing.assert_array_equal(
        e4m3, np.array([0, 2**-9, 0.875 * 2**-6, 2**-6, 1, 448, -448, np.nan, np.nan], np.float32)
    )
    e5m2 = as_floats("F8_E5M2", bytes([0x01, 0x03, 0x04, 0x3C, 0x7B, 0x7C, 0xFC, 0x7E]), (8,))
    np.testing.assert_array_equal(
        e5m2, np.array([2**-16, 0.75 * 2**-14, 2**-14, 1, 57344, np.inf, -np.inf, np.nan], np.float32)
    )


def test_integers() -> None:
    np.testing.assert_array_equal(as_floats("I8", b"\x80\x7f", (2,)), [-128, 127])
    np.testing.assert_array_equal(as_floats("I64", np.array([-5, 7]).tobytes(), (2, 1)), [[-5], [7]])


@pytest.mark.parametrize(("dtype", "most"), [("Q8_0", 0.02), ("Q4_0", 0.3), ("Q4_1", 0.3), ("BF16", 0.02)])
def test_quantised_elements_are_near_what_they_were(dtype: str, most: float) -> None:
    values = np.random.default_rng(1).standard_normal((4, 64)).astype(np.float32)
    data = gguf.quantize(values, gguf.GGMLQuantizationType[dtype])
    read = as_floats(dtype, data.tobytes(), (4, 64))
    assert read.shape == (4, 64)
    assert 0 < np.abs(read - values).max() < most


@pytest.mark.parametrize("dtype", ["GGML_TYPE_99", "F4", "Q4_0_4_4", "no type at all", "mro", "__class__", "name"])
def test_what_cannot_be_read_is_said(dtype: str) -> None:
    with pytest.raises(Unsupported, match=dtype):
        as_floats(dtype, bytes(18), (32,))


@pytest.mark.parametrize("dtype", ["Q4_0", "Q8_0", "Q4_K", "IQ2_XXS"])
@pytest.mark.parametrize("shape", [(32,), (31,), (2, 256), ()])
def test_bytes_that_do_not_fit_are_refused(dtype: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(Invalid, match=dtype):
        as_floats(dtype, bytes(17), shape)


def test_what_is_no_number_or_far_from_the_others_is_nothing() -> None:
    values = np.array([1, np.nan, np.inf, -np.inf, 3e38, -2, 3, -1e-40], np.float32)
    np.testing.assert_array_equal(finite(values), np.array([1, 0, 0, 0, 0, -2, 3, -1e-40], np.float32))
    assert not finite(np.full(3, np.nan, np.float32)).any()


@pytest.mark.parametrize("scale", [1e-30, 1, 2.0**52, 1e37])
def test_large_weights_are_weights_where_all_are(scale: float) -> None:
    values = np.random.default_rng(1).standard_normal(1000).astype(np.float32) * np.float32(scale)
    assert finite(values) is values
