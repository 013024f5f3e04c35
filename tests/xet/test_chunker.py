"""Content-defined chunking: the real client's boundaries are in test_captured.py; here its other properties."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tukar.xet import cut
from tukar.xet.chunker import MIN_CHUNK_BYTES
from tukar.xet.chunks import MAX_CHUNK_BYTES

from .content import noise

DATA = noise("chunker", 300_000)
LENGTHS = [len(chunk) for chunk in cut([DATA])]


def test_nothing_has_no_chunks() -> None:
    assert list(cut([])) == list(cut([b"", b""])) == []


def test_what_never_cuts_is_cut_at_the_limit() -> None:
    assert [len(chunk) for chunk in cut([bytes(2 * MAX_CHUNK_BYTES + 5)])] == [MAX_CHUNK_BYTES, MAX_CHUNK_BYTES, 5]


def test_chunks_keep_to_the_limits() -> None:
    assert len(LENGTHS) > 3
    assert all(MIN_CHUNK_BYTES <= length <= MAX_CHUNK_BYTES for length in LENGTHS[:-1])
    assert sum(LENGTHS) == len(DATA)


@settings(max_examples=8)
@given(st.lists(st.integers(1, 150_000), min_size=3, max_size=5))
def test_blocks_do_not_matter(sizes: list[int]) -> None:
    blocks, at = [], 0
    for size in sizes:
        blocks.append(DATA[at : at + size])
        at += size
    chunks = list(cut([*blocks, DATA[at:]]))
    assert b"".join(chunks) == DATA
    assert [len(chunk) for chunk in chunks] == LENGTHS


def test_like_content_is_cut_alike_behind_an_insertion() -> None:
    chunks = set(cut([DATA]))
    assert len(chunks & set(cut([b"inserted", DATA]))) >= len(chunks) - 2
