"""One chunk: its header, its compression schemes, its limits."""

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.xet.chunks import (
    GROUPED_LZ4,
    LZ4,
    MAX_CHUNK_BYTES,
    NONE,
    ChunkHeader,
    decompress,
    encode,
    group,
    ungroup,
)

PACK = {NONE: bytes, LZ4: lz4.frame.compress, GROUPED_LZ4: lambda data: lz4.frame.compress(group(data))}


def test_header_has_lengths_of_24_bits_in_little_endian_order() -> None:
    header = ChunkHeader(LZ4, 0x012345, 0x01FEDC)
    assert header.to_bytes() == bytes.fromhex("00 452301 01 dcfe01")
    assert ChunkHeader.parse(header.to_bytes()) == header


@pytest.mark.parametrize(
    "header",
    [
        "01 080000 00 080000",  # version
        "00 080000 03 080000",  # scheme
        "00 080000 63 080000",  # xet-core's own "automatic", which is never written
        "00 080000 00 090000",  # uncompressed, and yet of another length
        "00 000000 01 080000",  # nothing that becomes something
        "00 080000 01 000000",  # something that becomes nothing
        "00 080000 01 010002",  # 128 KiB and a byte
        "00 010004 01 080000",  # 256 KiB and a byte of packed bytes
        "00 080000 00 0800",  # cut off
        "58455442 4c4f4201",  # the beginning of a footer
    ],
)
def test_bad_header_is_invalid(header: str) -> None:
    with pytest.raises(Invalid):
        ChunkHeader.parse(bytes.fromhex(header))


@pytest.mark.parametrize("scheme", PACK)
@given(data=st.binary(min_size=1, max_size=400) | st.builds(bytes, st.integers(1, MAX_CHUNK_BYTES)))
def test_every_scheme_gives_back_what_was_packed(scheme: int, data: bytes) -> None:
    packed = PACK[scheme](data)
    assert decompress(ChunkHeader(scheme, len(packed), len(data)), packed) == data


@pytest.mark.parametrize("scheme", PACK)
@pytest.mark.parametrize("difference", [-1, 1])
def test_chunk_of_another_length_than_announced_is_invalid(scheme: int, difference: int) -> None:
    packed = PACK[scheme](b"some bytes and some bytes and some bytes")
    with pytest.raises(Invalid):
        decompress(ChunkHeader(scheme, len(packed) + (scheme == NONE) * difference, 40 + difference), packed)


@given(st.binary(max_size=100))
def test_grouping_puts_bytes_of_like_position_together(data: bytes) -> None:
    lanes = [[byte for at, byte in enumerate(data) if at % 4 == lane] for lane in range(4)]
    assert list(group(data)) == [*lanes[0], *lanes[1], *lanes[2], *lanes[3]]
    assert ungroup(group(data)) == data


def test_encoded_chunk_is_a_header_and_the_bytes_as_they_are() -> None:
    data = b"raw" * 1000
    encoded = encode(data)
    assert decompress(ChunkHeader.parse(encoded[:8]), encoded[8:]) == data == encoded[8:]


@pytest.mark.parametrize("size", [0, MAX_CHUNK_BYTES + 1])
def test_chunk_outside_the_limits_is_not_encoded(size: int) -> None:
    with pytest.raises(Invalid):
        encode(bytes(size))
