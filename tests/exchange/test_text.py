"""What came from elsewhere can be stored, signed and shown, whatever it was."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tukar.exchange.http import error_of
from tukar.exchange.offers import Ending
from tukar.exchange.text import is_line, is_words, line, words

_ANY = st.text(st.characters(exclude_categories=()), max_size=50)


@given(_ANY)
def test_a_line_has_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = line(text)
    assert is_line(shown)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(shown.encode("utf-8").decode()) == len(text)
    assert shown == text or not is_line(text)


@given(_ANY)
def test_words_can_be_signed(text: str) -> None:
    said = words(text)
    assert is_words(said)
    assert Ending.read(Ending("0" * 64, "cancelled", said).payload()).reason == said


def test_words_keep_their_lines() -> None:
    assert words("No,\r\nthank\x1b[2J you.") == "No,\nthank [2J you."
    assert (line("a" * 3000), words("a" * 5000)) == ("a" * 2000, "a" * 4000)


def test_an_error_of_another_hub_is_one_line() -> None:
    for body in (b'{"error": "\\u001b[2Jno"}', b'{"error": "\\ud800[2Jno"}', b'{"error": "\\u202e[2Jno"}'):
        assert error_of(400, {}, body, "it").message == " [2Jno"
    assert error_of(400, {"x-error-message": "a\x9bb"}, b"", "it").message == "a b"
