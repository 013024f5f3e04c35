"""Holding a shard's file against the xorbs' tables."""

from dataclasses import replace

import pytest

from tukar.errors import Invalid
from tukar.xet import NO_HASH, ShardFile, Term, XetHash, file_hash, range_hash, verify_file

from .content import made_table, noise

FIRST, SECOND = made_table(10, 20, 30, seed="first"), made_table(40, 50, seed="second")
TABLES = {FIRST.hash: FIRST, SECOND.hash: SECOND}
TERMS = (Term(FIRST.hash, 1, 3, 50), Term(SECOND.hash, 0, 1, 40), Term(FIRST.hash, 0, 2, 30))
FILE = ShardFile(
    file_hash([*FIRST.chunks(1, 3), *SECOND.chunks(0, 1), *FIRST.chunks(0, 2)]),
    TERMS,
    tuple(range_hash(TABLES[term.xorb].hash_bytes(term.chunk_start, term.chunk_end)) for term in TERMS),
)


def with_term(**changes: object) -> ShardFile:
    return replace(FILE, terms=(replace(TERMS[0], **changes), *TERMS[1:]))


def test_true_file_passes() -> None:
    verify_file(FILE, TABLES)
    verify_file(replace(FILE, verification=None), TABLES)
    verify_file(ShardFile(NO_HASH, ()), {})


@pytest.mark.parametrize(
    "file",
    [
        replace(FILE, hash=XetHash(noise("other", 32))),
        replace(FILE, hash=NO_HASH),
        replace(FILE, terms=TERMS[::-1], verification=None),
        replace(FILE, terms=TERMS[:2], verification=None),
        replace(FILE, verification=(FILE.verification[1], *FILE.verification[1:])),
        with_term(xorb=XetHash(noise("missing", 32))),
        with_term(xorb=SECOND.hash),
        with_term(chunk_end=4),
        with_term(chunk_start=0),
        with_term(nbytes=51),
        ShardFile(NO_HASH, TERMS),
    ],
)
def test_false_file_is_invalid(file: ShardFile) -> None:
    with pytest.raises(Invalid):
        verify_file(file, TABLES)
