import json

import pytest

from tukar.codecs import TensorView, choose
from tukar.objects.sources import BytesSource
from tukar.testing.sources import CountingSource, SparseSource
from tukar.testing.weights import weights
from tukar.types import ByteSource

BLOCK = 1 << 20


def noise(dtype: str, nbytes: int) -> bytes:
    return b"".join(weights(dtype, nbytes, "choose"))


def chosen(source: ByteSource, block_size: int = BLOCK) -> str:
    return choose(TensorView(source), block_size).name


@pytest.mark.parametrize("dtype", ["BF16", "F32", "U8"])
@pytest.mark.parametrize("nbytes", [100, 4096, BLOCK, 3 * BLOCK + 2])
def test_weights_land_raw(dtype: str, nbytes: int) -> None:
    assert chosen(BytesSource(noise(dtype, nbytes))) == "raw"


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(
            {"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "hidden_act": "silu"}, indent=2
        ).encode()
        * 2,
        b"A card in words, as people write them, comes again and again to what it has said before. " * 20,
        bytes(4 * BLOCK),
        noise("BF16", 1000) * 4000,
        b"".join(index.to_bytes(8, "little") for index in range(512)),
    ],
    ids=["config", "card", "zeros", "repeats", "position ids"],
)
def test_what_compresses_well_lands_compressed(data: bytes) -> None:
    assert chosen(BytesSource(data)) == "zstd"


def test_nothing_lands_raw() -> None:
    assert chosen(BytesSource(b"")) == "raw"


def test_small_things_are_tried_whole() -> None:
    source = CountingSource(BytesSource(noise("U8", 1000) + bytes(3000)))
    assert chosen(source) == "zstd"
    assert source.ranges == [(0, 4000)]


@pytest.mark.parametrize("blocks", [2, 3, 6])
def test_rows_of_zeros_at_one_end_do_not_decide(blocks: int) -> None:
    made = noise("BF16", blocks * BLOCK)
    assert chosen(BytesSource(made + bytes(BLOCK))) == "raw"
    assert chosen(BytesSource(bytes(BLOCK) + made)) == "raw"


def test_little_is_read_of_a_large_tensor_and_from_all_over_it() -> None:
    source = CountingSource(SparseSource(b"", (1 << 40) + 5))
    assert chosen(source) == "zstd"
    assert source.total <= 3 * (64 << 10)
    assert sorted(start >> 39 for start, _ in source.ranges) == [0, 1, 2]


@pytest.mark.parametrize("block_size", [16, 1000, BLOCK])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 999, 1001, 3000, 100_000])
def test_samples_stay_inside_the_tensor_and_inside_a_block(size: int, block_size: int) -> None:
    source = CountingSource(SparseSource(b"", size))
    chosen(source, block_size)
    assert source.ranges
    assert all(start // block_size == (stop - 1) // block_size for start, stop in source.ranges)


def test_blocks_too_small_to_compress_are_left_raw() -> None:
    assert chosen(BytesSource(b"words " * 1000), block_size=16) == "raw"
