"""Numbers and names as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.gallery import text


@pytest.mark.parametrize(
    ("nbytes", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (90_868_376, "90.9 MB"),
        (1 << 40, "1.10 TB"),
        (10**24, "1000000 EB"),
    ],
)
def test_sizes_have_three_digits(nbytes: int, shown: str) -> None:
    assert text.size(nbytes) == shown.replace(" ", "\N{NO-BREAK SPACE}")


@given(st.integers(1_000, 10**18))
def test_a_size_is_right_to_half_a_percent(nbytes: int) -> None:
    value, unit = text.size(nbytes).split("\N{NO-BREAK SPACE}")
    factor = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18}[unit]
    assert abs(float(value) * factor - nbytes) <= nbytes / 200


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (5, "5"), (22_713_728, "22.7 M"), (7_241_732_096, "7.24 B")])
def test_counts(number: int, shown: str) -> None:
    assert text.count(number) == shown.replace(" ", "\N{NO-BREAK SPACE}")


def test_times_are_in_utc() -> None:
    assert (text.date(1_767_225_599), text.moment(1_767_225_599)) == ("2025-12-31", "2025-12-31T23:59:59Z")


def test_shapes() -> None:
    assert [text.shape(shape) for shape in ((), (0,), (30522, 384))] == ["", "0", "30522 × 384"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("model.safetensors", "model.safetensors"),
        ("gambar é 模型.png", "gambar é 模型.png"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200bb", "a\\u200bb"),
        ("a\nb", "a\\u000ab"),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_a_name_shows_what_it_is(name: str, shown: str) -> None:
    assert text.plain(name) == shown
