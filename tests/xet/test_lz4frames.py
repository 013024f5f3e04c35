"""LZ4 frames of every kind, and frames that claim what is not so."""

import itertools
import tracemalloc

import lz4.block
import lz4.frame
import pytest

from tukar.errors import Invalid
from tukar.xet.lz4frames import decompress

from .content import noise

DATA = noise("frame", 30_000) + b"abcd" * 20_000 + bytes(20_000)
MAGIC = bytes.fromhex("04224d18")
OPTIONS = list(itertools.product((4, 5, 6, 7), *[(False, True)] * 4))


def compress(data: bytes, size: int, linked: bool, block_sum: bool, sum_: bool, store: bool) -> bytes:
    return lz4.frame.compress(
        data,
        block_size=size,
        block_linked=linked,
        block_checksum=block_sum,
        content_checksum=sum_,
        store_size=store,
    )


@pytest.mark.parametrize("options", OPTIONS)
def test_frames_of_every_kind_are_read(options: tuple[int, bool, bool, bool, bool]) -> None:
    assert decompress(compress(DATA, *options), len(DATA)) == DATA


@pytest.mark.parametrize("options", OPTIONS[::7])
def test_frame_of_another_size_is_invalid(options: tuple[int, bool, bool, bool, bool]) -> None:
    frame = compress(DATA, *options)
    for size in (0, 1, len(DATA) - 1, len(DATA) + 1):
        with pytest.raises(Invalid):
            decompress(frame, size)


@pytest.mark.parametrize("options", OPTIONS[::7])
def test_frame_that_is_cut_or_has_more_behind_it_is_invalid(options: tuple[int, bool, bool, bool, bool]) -> None:
    frame = compress(DATA, *options)
    for bad in (
        *(frame[:size] for size in (0, 3, 6, 7, 10, len(frame) // 2, len(frame) - 1)),
        frame + b"\0",
        frame * 2,
    ):
        with pytest.raises(Invalid):
            decompress(bad, len(DATA))


@pytest.mark.parametrize("flags", [0x00, 0xC0, 0x61, 0x62])
def test_unknown_flags_are_invalid(flags: int) -> None:
    with pytest.raises(Invalid):
        decompress(MAGIC + bytes((flags, 0x70, 0)) + bytes(4), 0)


def test_memory_follows_what_is_known_not_what_the_frame_claims() -> None:
    bomb = lz4.block.compress(bytes(4 << 20), store_size=False)
    header = MAGIC + bytes((0x68, 0x70)) + (1 << 62).to_bytes(8, "little") + b"\0"
    frame = header + len(bomb).to_bytes(4, "little") + bomb + bytes(4)
    tracemalloc.start()
    try:
        with pytest.raises(Invalid):
            decompress(frame, 100_000)
        assert tracemalloc.get_traced_memory()[1] < 250_000
    finally:
        tracemalloc.stop()


def test_frame_of_very_many_blocks_is_invalid() -> None:
    stored = (0x80000001).to_bytes(4, "little") + b"a"
    frame = MAGIC + bytes((0x60, 0x40, 0)) + stored * 65 + bytes(4)
    with pytest.raises(Invalid):
        decompress(frame, 65)
    assert decompress(frame.replace(stored, b"", 1), 64) == b"a" * 64
