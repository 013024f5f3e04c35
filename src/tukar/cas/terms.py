"""A file's terms as the database keeps them: 44 bytes each, little-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from tukar.xet.hashes import XetHash
from tukar.xet.shards import Term

_TERM: Final = struct.Struct("<32sIII")  # xorb, first chunk, chunk after the last, raw bytes


def encode(terms: Iterable[Term]) -> bytes:
    """Terms as bytes."""
    return b"".join(_TERM.pack(term.xorb, term.chunk_start, term.chunk_end, term.nbytes) for term in terms)


def decode(data: bytes) -> tuple[Term, ...]:
    """What ``encode`` wrote."""
    return tuple(Term(XetHash(xorb), start, end, nbytes) for xorb, start, end, nbytes in _TERM.iter_unpack(data))
