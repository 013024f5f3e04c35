"""Texts are split as BERT's own tokenizer splits them."""

from __future__ import annotations

import pytest
from family.wordpiece import WordPiece, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ayo, tukar!", ["ayo", ",", "tukar", "!"]),
        ("Café\u0301 TUKAR\u200b menukar\t\n", ["cafe", "tukar", "menukar"]),
        ("a$b “c” d—e", ["a", "$", "b", "“", "c", "”", "d", "—", "e"]),
        ("交換 model", ["交", "換", "model"]),
        (" \ufffd\0 ", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.fixture
def tokenizer() -> WordPiece:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "tu", "tukar", "##kar", "##an", "!"]
    return WordPiece({piece: number for number, piece in enumerate(pieces)}, longest=6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tukar!", [2, 5, 8, 3]),
        ("tukaran", [2, 5, 7, 3]),
        ("tuan", [2, 4, 7, 3]),
        ("tukarx", [2, 1, 3]),
        ("", [2, 3]),
        ("! ! ! ! ! !", [2, 8, 8, 8, 8, 3]),
        ("tukar" * 21, [2, 1, 3]),
    ],
)
def test_the_longest_known_piece_from_the_left(tokenizer: WordPiece, text: str, expected: list[int]) -> None:
    assert tokenizer.encode(text) == expected
