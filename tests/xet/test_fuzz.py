"""Whatever a client sends, it is read or it is Invalid: never another error, never another result than is true."""

import contextlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tukar.errors import Corrupt, Invalid
from tukar.xet import XorbTable, read_chunks, read_shard, write_shard, xorb_hash
from tukar.xet.lz4frames import decompress

from . import content

DATA = Path(__file__).parent / "data"
XORB = (DATA / "older.xorb").read_bytes()
SHARDS = [(DATA / f"{name}.shard").read_bytes() for name in ("small", "older")]
CHUNKS = [(chunk.hash, len(chunk.data)) for chunk in read_chunks(BytesIO(XORB))]


@st.composite
def mutations(draw: st.DrawFn, body: bytes) -> bytes:
    """``body`` with some bytes changed, a part taken out or doubled, or its end cut off."""
    changed = bytearray(body)
    for _ in range(draw(st.integers(0, 4))):
        changed[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    start = draw(st.integers(0, len(body)))
    stop = draw(st.integers(start, min(len(body), start + 200)))
    part = draw(st.sampled_from([b"", bytes(changed[start:stop]) * 2, bytes(changed[start:stop])]))
    return bytes(changed[:start]) + part + bytes(changed[stop : draw(st.sampled_from([None, -1, len(body) // 2]))])


@settings(max_examples=300)
@given(mutations(XORB) | st.binary(max_size=200))
def test_any_body_of_a_xorb(body: bytes) -> None:
    with contextlib.suppress(Invalid):
        found = [(chunk.hash, len(chunk.data)) for chunk in read_chunks(BytesIO(body))]
        assert (xorb_hash(found) == xorb_hash(CHUNKS)) == (found == CHUNKS)


@settings(max_examples=200)
@given(st.data())
def test_any_frame(data: st.DataObject) -> None:
    frame = XORB[3016 : 3016 + 3831]
    assert frame.startswith(bytes.fromhex("04224d18"))
    with contextlib.suppress(Invalid):
        assert len(decompress(data.draw(mutations(frame)), 9001)) == 9001


@pytest.mark.parametrize("shard", SHARDS, ids=["small", "older"])
@settings(max_examples=300)
@given(data=st.data())
def test_any_body_of_a_shard(shard: bytes, data: st.DataObject) -> None:
    with contextlib.suppress(Invalid):
        read = read_shard(BytesIO(data.draw(mutations(shard))))
        assert read_shard(BytesIO(write_shard(read))) == read


@settings(max_examples=200)
@given(mutations(content.made_table(100, 200, 300).to_bytes()))
def test_any_stored_table(stored: bytes) -> None:
    with contextlib.suppress(Corrupt):
        table = XorbTable.from_bytes(stored)
        assert table.to_bytes() == stored
