"""A xorb's table: where what lies in the view, and its stored form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Corrupt, Invalid
from tukar.xet import XetHash, XorbTable
from tukar.xet.chunks import MAX_CHUNK_BYTES, encode
from tukar.xet.tables import MAX_XORB_CHUNKS

from .content import made_table, noise

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def view(table: XorbTable, raw: bytes) -> bytes:
    """The whole view, made chunk by chunk."""
    low = table.offsets
    return b"".join(encode(raw[low[index] : low[index + 1]]) for index in range(len(table)))


@given(LENGTHS)
def test_view_is_the_chunks_serialised_without_compression(lengths: list[int]) -> None:
    table = made_table(*lengths)
    raw = noise("raw", table.raw_size)
    whole = view(table, raw)
    assert table.size == len(whole)
    for index, length in enumerate(lengths):
        at = table.offset(index)
        low = table.offsets[index]
        assert whole[at : at + 8 + length] == encode(raw[low : low + length])


@given(LENGTHS, st.data())
def test_any_range_of_the_view_is_put_together_from_pieces(lengths: list[int], data: st.DataObject) -> None:
    table = made_table(*lengths)
    raw = noise("raw", table.raw_size)
    start = data.draw(st.integers(0, table.size - 1))
    stop = data.draw(st.integers(start + 1, table.size))
    pieces = list(table.pieces(start, stop))
    assert b"".join(piece.head + raw[piece.start : piece.stop] for piece in pieces) == view(table, raw)[start:stop]
    assert len(pieces) == len(table.touched(start, stop))
    assert all(piece.head or piece.start < piece.stop for piece in pieces)


@given(LENGTHS, st.data())
def test_touched_chunks_are_those_that_share_a_byte_with_the_range(lengths: list[int], data: st.DataObject) -> None:
    table = made_table(*lengths)
    start = data.draw(st.integers(0, table.size - 1))
    stop = data.draw(st.integers(start + 1, table.size))
    shared = [index for index in range(len(table)) if table.offset(index) < stop and table.offset(index + 1) > start]
    assert list(table.touched(start, stop)) == shared


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (6, 5), (0, 45), (44, 45)])
def test_range_outside_the_view_is_invalid(start: int, stop: int) -> None:
    table = made_table(10, 18)
    assert table.size == 44
    with pytest.raises(Invalid):
        table.touched(start, stop)


@given(LENGTHS)
def test_table_is_read_as_it_was_written(lengths: list[int]) -> None:
    table = made_table(*lengths)
    again = XorbTable.from_bytes(table.to_bytes())
    assert again == table
    assert hash(again) == hash(table)
    assert again.computed_hash() == again.hash
    assert list(again.chunks()) == list(table.chunks())
    assert len(table.to_bytes()) == 36 + 36 * len(lengths)


def test_stored_form_is_the_documented_one() -> None:
    table = XorbTable.claimed(XetHash(b"x" * 32), b"a" * 32 + b"b" * 32, [3, 0x010203])
    assert table.to_bytes() == b"x" * 32 + bytes.fromhex("02000000 03000000 03020100") + b"a" * 32 + b"b" * 32


@pytest.mark.parametrize("change", [slice(0), slice(20), slice(-1), slice(36)])
def test_cut_off_table_is_corrupt(change: slice) -> None:
    with pytest.raises(Corrupt):
        XorbTable.from_bytes(made_table(10, 20).to_bytes()[change])


def test_table_with_an_impossible_length_is_corrupt() -> None:
    data = bytearray(made_table(10, 20).to_bytes())
    data[36:40] = (MAX_CHUNK_BYTES + 1).to_bytes(4, "little")
    with pytest.raises(Corrupt):
        XorbTable.from_bytes(bytes(data))


def test_table_that_is_not_true_is_told_by_its_hash() -> None:
    data = bytearray(made_table(10, 20).to_bytes())
    data[-1] ^= 1
    table = XorbTable.from_bytes(bytes(data))
    assert table.computed_hash() != table.hash


@pytest.mark.parametrize("lengths", [[], [0], [1, MAX_CHUNK_BYTES + 1], [1] * (MAX_XORB_CHUNKS + 1)])
def test_table_outside_the_limits_is_invalid(lengths: list[int]) -> None:
    with pytest.raises(Invalid):
        XorbTable.claimed(XetHash(bytes(32)), bytes(32 * len(lengths)), lengths)


def test_chunks_of_a_run_are_those_of_the_whole() -> None:
    table = made_table(*range(1, 20))
    assert list(table.chunks(3, 8)) == list(table.chunks())[3:8]
    assert table.hash_bytes(3, 8) == b"".join(hash_ for hash_, _ in table.chunks(3, 8))
