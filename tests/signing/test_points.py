"""The list of points of small order is complete, and what is taken for a point is one, in its only form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.signing import PublicKey
from tukar.signing.points import SMALL_ORDER_Y, D, L, P, is_on_curve, is_scalar, read_y

from . import edwards


def test_the_constants_are_those_of_the_curve() -> None:
    assert (P, L, D) == (edwards.P, edwards.L, edwards.D)
    assert edwards.multiply(L, edwards.lift(4 * pow(5, -1, P) % P) or (0, 0)) == edwards.NEUTRAL


def test_the_points_of_small_order_are_all_listed() -> None:
    assert {y for _, y in edwards.small_order()} == SMALL_ORDER_Y


@pytest.mark.parametrize("sign", [0, 1])
def test_no_point_of_small_order_is_a_key(sign: int) -> None:
    for y in SMALL_ORDER_Y:
        with pytest.raises(Invalid, match="small order"):
            PublicKey(edwards.encode(y, sign))


@pytest.mark.parametrize("sign", [0, 1])
def test_no_point_in_a_second_form_is_a_key(sign: int) -> None:
    for y in range(P, 2**255):
        with pytest.raises(Invalid, match="another form"):
            PublicKey(edwards.encode(y, sign))


@given(st.integers(0, P - 1))
def test_a_key_is_a_point_of_the_curve(y: int) -> None:
    assert is_on_curve(y) == (edwards.lift(y) is not None)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_has_one_form(raw: bytes) -> None:
    try:
        key = PublicKey(raw)
    except Invalid:
        return
    y, sign = read_y(raw), raw[31] >> 7
    assert edwards.encode(y, sign) == key.raw
    assert (edwards.lift(y) or (0,))[0] != 0  # x is not 0, so that the sign says something


def test_scalars_end_below_the_order() -> None:
    assert is_scalar((L - 1).to_bytes(32, "little"))
    assert not is_scalar(L.to_bytes(32, "little"))
