"""The contract suite notices what it is there to notice."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from zstandard import ZstdDecompressor, ZstdError

from tukar.codecs.base import Buffer, Need, TensorView
from tukar.codecs.raw import Raw
from tukar.codecs.zstd import Zstd
from tukar.errors import Corrupt
from tukar.testing.codecs import CodecContract
from tukar.types import ByteSource

Encoded = tuple[bytes, Iterator[bytes]]


class Eager(Raw):
    """Reads the whole tensor for its first block."""

    def encode(self, tensor: TensorView, bases: Sequence[ByteSource], block_size: int) -> Encoded:
        def blocks() -> Iterator[bytes]:
            whole = tensor.data.read(0, tensor.data.size)
            yield from (whole[start : start + block_size] for start in range(0, len(whole), block_size))

        return b"", blocks()


class Hasty(Raw):
    """Leaves out the last block."""

    def encode(self, tensor: TensorView, bases: Sequence[ByteSource], block_size: int) -> Encoded:
        meta, blocks = super().encode(tensor, bases, block_size)
        return meta, iter(list(blocks)[:-1])


class Growing(Zstd):
    """Lets a block grow."""

    def encode(self, tensor: TensorView, bases: Sequence[ByteSource], block_size: int) -> Encoded:
        meta, blocks = super().encode(tensor, bases, block_size)
        return meta, (block + b"\x00" for block in blocks)


class Moody(Raw):
    """Gives another meta every time."""

    count = 0

    def encode(self, tensor: TensorView, bases: Sequence[ByteSource], block_size: int) -> Encoded:
        type(self).count += 1
        return bytes([self.count % 256]), super().encode(tensor, bases, block_size)[1]


class Trusting(Zstd):
    """Decodes whatever a frame says, to whatever size."""

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        try:
            return ZstdDecompressor().decompress(data, max_output_size=size)
        except ZstdError:
            raise Corrupt("not a frame") from None


class Frank(Zstd):
    """Lets the library's own errors through."""

    def decode(self, meta: bytes, data: Buffer, start: int, size: int, needed: Sequence[Buffer]) -> Buffer:
        return ZstdDecompressor().decompress(data, max_output_size=size)


class Needy(Raw):
    """Needs what is not there."""

    def needs(self, meta: bytes, start: int, stop: int) -> Sequence[Need]:
        return (Need(0, start, stop),)


class Namesake(Raw):
    """Takes another codec's number."""

    id = 1
    name = "other"


Check = Callable[[CodecContract], None]


@pytest.mark.parametrize(
    ("codec", "check", "error"),
    [
        (Eager(), CodecContract.test_encoding_reads_a_block_at_a_time_and_no_more_than_one_ahead, AssertionError),
        (Hasty(), CodecContract.test_what_was_encoded_is_decoded, AssertionError),
        (Growing(), CodecContract.test_what_was_encoded_is_decoded, AssertionError),
        (Moody(), CodecContract.test_encoding_twice_gives_the_same, AssertionError),
        (Trusting(), CodecContract.test_a_block_asked_for_at_another_size_is_corrupt_or_has_it, AssertionError),
        (Frank(), CodecContract.test_garbage_is_corrupt_or_decoded_to_its_size, ZstdError),
        (Frank(), CodecContract.test_every_truncation_is_corrupt_or_decoded_to_its_size, ZstdError),
        (Needy(), CodecContract.test_needs_are_ranges_of_the_bases_and_in_proportion_to_the_block, IndexError),
        (Namesake(), CodecContract.test_its_number_and_its_name_are_its_own, AssertionError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Raw | Zstd) else "",
)
def test_a_codec_that_breaks_its_promise_is_found_out(codec: Raw | Zstd, check: Check, error: type[Exception]) -> None:
    class Contract(CodecContract):
        pass

    Contract.codec = codec
    with pytest.raises((error, ExceptionGroup)):  # hypothesis may find it in several ways
        check(Contract())
