import pytest

from tukar.codecs.base import TensorView
from tukar.codecs.raw import Raw
from tukar.errors import Corrupt
from tukar.objects.sources import BytesSource
from tukar.testing.codecs import CodecContract


class TestRaw(CodecContract):
    codec = Raw()


def test_blocks_are_the_bytes_themselves() -> None:
    meta, blocks = Raw().encode(TensorView(BytesSource(b"abcdefgh")), (), 3)
    assert (meta, list(blocks)) == (b"", [b"abc", b"def", b"gh"])


@pytest.mark.parametrize("data", [b"", b"ab", b"abcd"])
def test_a_block_of_another_length_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="not a raw block of 3 bytes"):
        Raw().decode(b"", data, 0, 3, ())
