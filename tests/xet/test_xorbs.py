"""Reading an uploaded xorb: what is accepted, what is refused, how much is held."""

from collections.abc import Iterator
from io import BytesIO

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.xet import MAX_BODY_BYTES, XetHash, XorbTable, chunk_hash, read_chunks, read_xorb
from tukar.xet.chunks import GROUPED_LZ4, LZ4, ChunkHeader, encode, group
from tukar.xet.tables import MAX_XORB_CHUNKS
from tukar.xet.xorbs import MAX_CHUNKS_BYTES

from .content import noise

FOOTER = b"XETBLOB\x01" + bytes(60)


def packed(data: bytes, scheme: int) -> bytes:
    if scheme == 0:
        return encode(data)
    body = lz4.frame.compress(data if scheme == LZ4 else group(data))
    return ChunkHeader(scheme, len(body), len(data)).to_bytes() + body


class Endless:
    """A body that goes on for ever with the same bytes, and remembers how much was read of it."""

    def __init__(self, data: bytes) -> None:
        self.taken = 0
        self._data = data * 2

    def read(self, size: int, /) -> bytes:
        period = len(self._data) // 2
        start = self.taken % period
        data = self._data[start : start + min(size, period)]
        self.taken += len(data)
        return data


class Trickle(BytesIO):
    """A body of which a read gives at most three bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(3, size or 0))


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.sampled_from([0, LZ4, GROUPED_LZ4])), min_size=1))
def test_chunks_come_back_with_their_hashes(made: list[tuple[bytes, int]]) -> None:
    body = b"".join(packed(*chunk) for chunk in made)
    for read in (read_chunks(BytesIO(body)), read_chunks(Trickle(body)), read_chunks(BytesIO(body + FOOTER))):
        found = [(chunk.index, chunk.hash, bytes(chunk.data)) for chunk in read]
        assert found == [(index, chunk_hash(data), data) for index, (data, _) in enumerate(made)]


def test_verified_xorb_hands_on_its_bytes_and_gives_its_table() -> None:
    chunks = [noise(f"chunk {index}", 100 + index) for index in range(5)]
    raw = bytearray()
    expected = XorbTable.of((chunk_hash(chunk), len(chunk)) for chunk in chunks)
    table = read_xorb(BytesIO(b"".join(map(encode, chunks))), expected.hash, raw.extend)
    assert (table, bytes(raw)) == (expected, b"".join(chunks))


def test_xorb_under_another_hash_than_its_own_is_invalid() -> None:
    with pytest.raises(Invalid, match="amount to"):
        read_xorb(BytesIO(encode(b"data")), XetHash(bytes(32)), lambda _: None)


def bad_bodies() -> Iterator[bytes]:
    whole = encode(b"first") + packed(b"second" * 9, LZ4)
    yield b""
    yield from (whole[:size] for size in (1, 7, 8, 10, len(encode(b"first")) + 3, len(whole) - 1))
    yield whole + b"\0"
    yield FOOTER
    yield whole + FOOTER + bytes(1000)
    yield whole + encode(b"x")[:-1] + b""
    yield whole[:-1] + bytes((whole[-1] ^ 1,))


@pytest.mark.parametrize("body", list(bad_bodies()))
def test_malformed_body_is_invalid(body: bytes) -> None:
    with pytest.raises(Invalid):
        list(read_chunks(BytesIO(body)))


def test_xorb_of_too_many_chunks_is_invalid() -> None:
    body = Endless(encode(b"x"))
    with pytest.raises(Invalid, match="8192"):
        list(read_chunks(body))
    assert body.taken <= 9 * MAX_XORB_CHUNKS + 8


def test_xorb_of_too_many_bytes_is_invalid() -> None:
    body = Endless(encode(bytes(128 * 1024)))
    with pytest.raises(Invalid):
        sum(1 for _ in read_chunks(body))
    assert body.taken <= MAX_CHUNKS_BYTES <= MAX_BODY_BYTES


def test_largest_xorb_that_a_client_makes_is_read() -> None:
    chunk = encode(bytes(8 * 1024))
    assert sum(len(chunk.data) for chunk in read_chunks(BytesIO(chunk * MAX_XORB_CHUNKS))) == 64 << 20
