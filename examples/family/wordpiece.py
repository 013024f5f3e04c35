"""BERT's uncased tokenizer, from a ``vocab.txt``.

Source: Devlin et al. 2019 (arXiv:1810.04805), as its reference implementation splits text: clean, lower-case, strip
accents, split at white space and punctuation, then take the longest known piece from the left (WordPiece).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_WORD = 100
CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True)
class WordPiece:
    """A vocabulary, piece to id, and the longest sequence that the model takes, in ids."""

    vocabulary: dict[str, int]
    longest: int

    @classmethod
    def from_file(cls, path: Path, longest: int) -> WordPiece:
        """Read a ``vocab.txt``: one piece a line, its id the line's number from 0."""
        pieces = path.read_text(encoding="utf-8").split("\n")
        return cls({piece: number for number, piece in enumerate(pieces) if piece}, longest)

    def encode(self, text: str) -> list[int]:
        """The ids of *text* between ``[CLS]`` and ``[SEP]``, cut to ``longest``."""
        ids = [self.vocabulary[piece] for word in words(text) for piece in self._pieces(word)]
        return [self.vocabulary["[CLS]"], *ids[: self.longest - 2], self.vocabulary["[SEP]"]]

    def _pieces(self, word: str) -> list[str]:
        if len(word) > LONGEST_WORD:
            return ["[UNK]"]
        pieces, start = [], 0
        while start < len(word):
            piece = self._longest_piece(word, start)
            if piece is None:
                return ["[UNK]"]
            pieces.append(piece)
            start += len(piece.removeprefix("##")) if start else len(piece)
        return pieces

    def _longest_piece(self, word: str, start: int) -> str | None:
        prefix = "##" if start else ""
        candidates = (prefix + word[start:stop] for stop in range(len(word), start, -1))
        return next((piece for piece in candidates if piece in self.vocabulary), None)


def words(text: str) -> list[str]:
    """The lower-case words and punctuation marks of *text*, without accents."""
    plain = "".join(_cleaned(text)).lower()
    plain = "".join(c for c in unicodedata.normalize("NFD", plain) if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if _is_punctuation(c) else c for c in plain).split()


def _cleaned(text: str) -> Iterator[str]:
    for c in text:
        if c.isspace():
            yield " "
        elif c in "\0\ufffd" or unicodedata.category(c).startswith("C"):
            continue
        else:
            yield f" {c} " if any(low <= ord(c) <= high for low, high in CJK) else c


def _is_punctuation(c: str) -> bool:
    # BERT counts every ASCII mark, also those that Unicode calls symbols ($, +, <, =, >, ^, `, |, ~).
    return (c.isascii() and c.isprintable() and not c.isalnum() and c != " ") or unicodedata.category(c)[0] == "P"
