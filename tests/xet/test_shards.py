"""Parsing an uploaded shard: round trips, and everything that is refused."""

import struct
import tracemalloc
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.xet import Shard, ShardFile, Term, XetHash, XorbTable, read_shard, write_shard
from tukar.xet.chunks import MAX_CHUNK_BYTES
from tukar.xet.shards import MAX_SHARD_ENTRIES
from tukar.xet.tables import MAX_XORB_CHUNKS

from .content import made_table, noise

HASHES = st.binary(min_size=32, max_size=32).filter(lambda raw: raw not in (bytes(32), b"\xff" * 32)).map(XetHash)


@st.composite
def terms(draw: st.DrawFn) -> Term:
    start = draw(st.integers(0, MAX_XORB_CHUNKS - 1))
    end = draw(st.integers(start + 1, MAX_XORB_CHUNKS))
    return Term(draw(HASHES), start, end, draw(st.integers(end - start, (end - start) * MAX_CHUNK_BYTES)))


@st.composite
def files(draw: st.DrawFn) -> ShardFile:
    kept = tuple(draw(st.lists(terms(), max_size=4)))
    verification = draw(st.none() | st.tuples(*[HASHES] * len(kept)))
    sha256 = draw(st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex))
    return ShardFile(draw(HASHES) if kept else XetHash(bytes(32)), kept, verification, sha256)


@st.composite
def tables(draw: st.DrawFn) -> XorbTable:
    lengths = draw(st.lists(st.integers(1, MAX_CHUNK_BYTES), min_size=1, max_size=5))
    return XorbTable.claimed(draw(HASHES), b"".join(draw(HASHES) for _ in lengths), lengths)


@given(st.builds(Shard, st.lists(files(), max_size=3).map(tuple), st.lists(tables(), max_size=3).map(tuple)))
def test_shard_is_read_as_it_was_written(shard: Shard) -> None:
    assert read_shard(BytesIO(write_shard(shard))) == shard


TABLE = made_table(1000, 2000, 3000)
FILE = ShardFile(
    XetHash(noise("file", 32)), (Term(TABLE.hash, 0, 2, 3000),), (XetHash(noise("range", 32)),), noise("sha", 32).hex()
)
BODY = write_shard(Shard((FILE,), (TABLE,)))
HEAD, TERM, VERIFICATION, SHA256, FILES_END, XORB, CHUNK = (48 * index for index in range(1, 8))


def with_numbers(record: int, offset: int, *numbers: int) -> bytes:
    """The body with 32-bit numbers written over it in a record, after its hash."""
    at = record + 32 + offset
    return BODY[:at] + struct.pack(f"<{len(numbers)}I", *numbers) + BODY[at + 4 * len(numbers) :]


def test_what_the_bodies_below_are_made_of_is_valid() -> None:
    assert read_shard(BytesIO(BODY)) == Shard((FILE,), (TABLE,))
    assert with_numbers(TERM, 4, 3000, 0, 2) == BODY
    assert with_numbers(XORB, 4, 3) == with_numbers(CHUNK, 4, 1000) == BODY


@pytest.mark.parametrize(
    "body",
    {
        "nothing": b"",
        "wrong tag": b"\0" + BODY[1:],
        "version 1": BODY[:32] + struct.pack("<QQ", 1, 0) + BODY[48:],
        "footer of another size": BODY[:32] + struct.pack("<QQ", 2, 100) + BODY[48:],
        "bytes after the end": BODY + b"\0",
        "unknown flag": with_numbers(HEAD, 0, 0xE0000000),
        "more terms than there are": with_numbers(HEAD, 4, 2),
        "very many terms": with_numbers(HEAD, 4, 0xFFFFFFFF),
        "file without terms that is not the empty one": with_numbers(HEAD, 4, 0),
        "empty file with terms": BODY[:HEAD] + bytes(32) + BODY[HEAD + 32 :],
        "term of no bytes": with_numbers(TERM, 4, 0, 0, 2),
        "term of no chunks": with_numbers(TERM, 4, 3000, 2, 2),
        "term that ends before it begins": with_numbers(TERM, 4, 3000, 2, 1),
        "term of more chunks than a xorb has": with_numbers(TERM, 4, 9000, 0, MAX_XORB_CHUNKS + 1),
        "term far out": with_numbers(TERM, 4, 3000, 0xFFFFFFFE, 0xFFFFFFFF),
        "term of fewer bytes than chunks": with_numbers(TERM, 4, 1, 0, 2),
        "term of more bytes than its chunks can have": with_numbers(TERM, 4, 2 * MAX_CHUNK_BYTES + 1, 0, 2),
        "xorb of no chunks": with_numbers(XORB, 4, 0)[: XORB + 48] + b"\xff" * 48,
        "xorb of more chunks than there are": with_numbers(XORB, 4, 5),
        "xorb of very many chunks": with_numbers(XORB, 4, 0xFFFFFFFF),
        "chunk of no bytes": with_numbers(CHUNK, 4, 0),
        "chunk of too many bytes": with_numbers(CHUNK, 4, MAX_CHUNK_BYTES + 1),
    }.items(),
    ids=lambda case: case[0],
)
def test_bad_shard_is_invalid(body: tuple[str, bytes]) -> None:
    with pytest.raises(Invalid):
        read_shard(BytesIO(body[1]))


@pytest.mark.parametrize("size", range(0, len(BODY), 17))
def test_cut_off_shard_is_invalid(size: int) -> None:
    with pytest.raises(Invalid):
        read_shard(BytesIO(BODY[:size]))


def test_shard_beyond_the_limit_is_invalid() -> None:
    assert read_shard(BytesIO(BODY), limit=len(BODY)).files
    with pytest.raises(Invalid):
        read_shard(BytesIO(BODY), limit=len(BODY) - 1)


def test_shard_of_too_many_files_and_terms_is_invalid() -> None:
    with pytest.raises(Invalid, match="files and terms"):
        read_shard(BytesIO(with_numbers(HEAD, 4, MAX_SHARD_ENTRIES)))


def test_footer_is_ignored_within_the_limit() -> None:
    body = BODY[:40] + struct.pack("<Q", 200) + BODY[48:] + bytes(300)
    assert read_shard(BytesIO(body)) == read_shard(BytesIO(body[: len(BODY)])) == read_shard(BytesIO(BODY))
    with pytest.raises(Invalid):
        read_shard(BytesIO(body), limit=len(BODY) + 100)


def test_memory_follows_what_has_come_not_what_was_announced() -> None:
    body = with_numbers(HEAD, 4, MAX_SHARD_ENTRIES - 1)
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match="cut off"):
            read_shard(BytesIO(body))
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
