import struct

import pytest
from zstandard import ZstdCompressionDict, ZstdCompressionParameters, ZstdCompressor

from tukar.codecs.base import TensorView
from tukar.codecs.zstd import Zstd
from tukar.errors import Corrupt
from tukar.objects.sources import BytesSource
from tukar.testing.codecs import CodecContract, Sample
from tukar.testing.weights import weights

CONTENT = b"compressible " * 100
SIZE = len(CONTENT)


class TestZstd(CodecContract):
    codec = Zstd()
    samples = (*CodecContract.samples, Sample(b"".join(weights("BF16", 20_000, 1)), "BF16", (100, 100)))


def blocks_of(data: bytes, block_size: int) -> list[bytes]:
    meta, blocks = Zstd().encode(TensorView(BytesSource(data)), (), block_size)
    assert meta == b""
    return list(blocks)


def frame(content: bytes = CONTENT, **parameters: object) -> bytes:
    return ZstdCompressor(**parameters).compress(content)


def test_blocks_that_do_not_shrink_are_raw() -> None:
    noise = b"".join(weights("U8", 1000, 1))
    first, second = blocks_of(noise + bytes(1000), 1000)
    assert first == noise
    assert len(second) < 50


def test_a_frame_of_any_level_and_with_a_checksum_is_decoded() -> None:
    for parameters in ({"level": 1}, {"level": 19}, {"write_checksum": True}):
        assert Zstd().decode(b"", frame(**parameters), 0, SIZE, ()) == CONTENT


@pytest.mark.parametrize("window_log", [10, 16])
def test_a_frame_whose_window_is_not_larger_than_the_block_is_decoded(window_log: int) -> None:
    content = CONTENT * 100
    parameters = ZstdCompressionParameters(window_log=window_log, write_content_size=True)
    assert Zstd().decode(b"", frame(content, compression_params=parameters), 0, len(content), ()) == content


def header(content_size: int, window_log: int | None = None, dictionary: int = 0) -> bytes:
    """A frame header (RFC 8878, 3.1.1.1) with an 8-byte content size; of one segment unless there is a window."""
    single, window = (1, b"") if window_log is None else (0, bytes([(window_log - 10) << 3]))
    descriptor = bytes([3 << 6 | single << 5 | (3 if dictionary else 0)])
    numbers = (struct.pack("<I", dictionary) if dictionary else b"") + struct.pack("<Q", content_size)
    return b"\x28\xb5\x2f\xfd" + descriptor + window + numbers


def repeat(count: int, last: bool = True) -> bytes:
    """A block of ``count`` times the letter x (RFC 8878, 3.1.1.2); at most 128 KiB."""
    return (count << 3 | 1 << 1 | last).to_bytes(3, "little") + b"x"


def test_a_window_larger_than_the_block_is_corrupt_because_the_decoder_would_allocate_it() -> None:
    for window_log in (None, 10):
        assert Zstd().decode(b"", header(SIZE, window_log) + repeat(SIZE), 0, SIZE, ()) == b"x" * SIZE
    for window_log in (11, 27):
        with pytest.raises(Corrupt, match="window"):
            Zstd().decode(b"", header(SIZE, window_log) + repeat(SIZE), 0, SIZE, ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x28\xb5\x2f\xfd",
        b"garbage!",
        frame()[:-1],
        frame() + b"x",
        frame() + frame(b"abc"),
        frame() + b"\x50\x2a\x4d\x18\x00\x00\x00\x00",  # a skippable frame
        b"\x50\x2a\x4d\x18" + struct.pack("<I", SIZE) + bytes(10),
        frame(CONTENT[:-1]),
        frame(CONTENT + b"x"),
        frame(write_content_size=False),
        frame(dict_data=ZstdCompressionDict(b"compressible " * 20)),
        header(SIZE, dictionary=7) + repeat(SIZE),
        header(SIZE) + repeat(SIZE - 1),
        header(SIZE) + repeat(SIZE, last=False),
        header(SIZE) + repeat(128 << 10, last=False) * 100,
        header(1 << 62) + repeat(128 << 10, last=False) * 100,
        bytes(SIZE),
        bytes(SIZE + 1),
    ],
)
def test_anything_else_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="zstd"):
        Zstd().decode(b"", data, 0, SIZE, ())


def test_meta_and_needed_bytes_are_corrupt() -> None:
    for meta, needed in ((b"x", ()), (b"", (b"",))):
        with pytest.raises(Corrupt):
            Zstd().decode(meta, frame(), 0, SIZE, needed)
