"""A key's name: one stored form, many ways to type it."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.signing import Fingerprint

from .pairs import pair

NAME = pair(1).public.fingerprint


def test_it_is_the_first_160_bits_of_sha_256_in_base32() -> None:
    digest = hashlib.sha256(pair(1).public.raw).digest()
    assert base64.b32decode(NAME.upper()) == digest[:20]


def test_people_see_groups_of_four() -> None:
    groups = NAME.grouped.split("-")
    assert [len(group) for group in groups] == [4] * 8
    assert "".join(groups) == NAME


@given(st.lists(st.sampled_from(["", "-", " ", ":", "\n", "\t"]), min_size=32, max_size=32), st.booleans())
def test_groups_case_and_separators_do_not_matter(separators: list[str], upper: bool) -> None:
    typed = "".join(f"{char}{separator}" for char, separator in zip(NAME, separators, strict=True))
    assert Fingerprint.parse(typed.upper() if upper else typed) == NAME


@pytest.mark.parametrize(
    "text",
    [
        *("", NAME[:-1], NAME + "a", NAME + "\0", "_" + NAME, "-" * 200 + NAME),
        *(f"{char}{NAME[1:]}" for char in "018=\u212a\u017f\u0661"),
        f"{NAME[:16]}\u00a0{NAME[16:]}",
    ],
)
def test_anything_else_is_invalid(text: str) -> None:
    with pytest.raises(Invalid, match="fingerprint"):
        Fingerprint.parse(text)


@pytest.mark.parametrize("text", [NAME.grouped, NAME.upper(), f" {NAME}", f"{NAME}\n"])
def test_what_is_stored_has_one_form(text: str) -> None:
    with pytest.raises(Invalid, match="fingerprint"):
        Fingerprint(text)


@given(st.text(max_size=40) | st.text("abcABC234-: ", max_size=150))
def test_whatever_is_typed_is_a_fingerprint_or_invalid(text: str) -> None:
    try:
        name = Fingerprint.parse(text)
    except Invalid:
        return
    assert Fingerprint.parse(name.grouped) == name == Fingerprint(name)
