"""Streams that nobody should write: every kernel takes them for the same, whatever that is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.codecs import fuzz
from tests.codecs.test_context_kernels import CODECS, WIDTHS, Kernel, all_kernels, decode, encode, kernel, tuned, use

from tukar.codecs.base import Codec
from tukar.codecs.context import Coded, Delta, meta
from tukar.errors import Corrupt

__all__ = ["kernel"]


@pytest.fixture(scope="module")
def streams() -> list[fuzz.Stream]:
    return fuzz.streams()


def outcomes(stream: fuzz.Stream, patch: pytest.MonkeyPatch) -> Iterator[bytes | None]:
    for each in all_kernels().values():
        use(each, patch)
        yield fuzz.decoded(stream)


def agree(streams: list[fuzz.Stream], inputs: int, seed: int, patch: pytest.MonkeyPatch) -> None:
    for number in range(inputs):
        some = random.Random(f"{seed}:{number}")
        stream = fuzz.altered(some.choice(streams), some)
        found = set(outcomes(stream, patch))
        assert len(found) == 1, (seed, number)


def test_kernels_agree_on_what_is_damaged(streams: list[fuzz.Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    agree(streams, 500, 1, monkeypatch)


@pytest.mark.slow
def test_kernels_agree_on_much_that_is_damaged(streams: list[fuzz.Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    agree(streams, 60_000, 2, monkeypatch)


def test_what_fills_a_byte_is_zero(streams: list[fuzz.Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    """One stream, and no other, decodes to an object: with its last bit turned it is Corrupt, or another one."""
    for stream in streams:
        raw = fuzz.decoded(stream)
        assert raw is not None
        turned = (
            replace(stream, meta=stream.meta[:-1] + bytes([stream.meta[-1] ^ 0x80])),
            replace(stream, block=with_last_raw_bit_turned(stream.block)),
        )
        for each in turned:
            if each != stream:
                assert raw not in set(outcomes(each, monkeypatch))


def with_last_raw_bit_turned(block: bytes) -> bytes:
    _, _, raw, escaped = np.frombuffer(block, "<u4", 4).tolist()
    if not raw:
        return block
    last = len(block) - escaped - 1
    return block[:last] + bytes([block[last] ^ 0x80]) + block[last + 1 :]


def test_a_cell_outside_of_the_scales_has_raw_bits_of_its_own(kernel: Kernel) -> None:
    pair = tuned("BF16", (3000,))
    made, blocks = encode(pair, Delta())
    assert made[9:11] == bytes(2)
    assert decode(pair, Delta(), made[:9] + b"\x08\x08" + made[11:], blocks) == pair.data


@pytest.mark.parametrize(
    ("dtype", "offset", "most"), [("BF16", 32, 16), ("BF16", 10, 8), ("F32", 32, 16), ("I8", 8, 8)]
)
def test_a_plain_stream_has_one_split(kernel: Kernel, dtype: str, offset: int, most: int) -> None:
    made, _ = encode(tuned(dtype, (3000,)), Coded())
    with pytest.raises(Corrupt):
        meta.opened(made[:4] + offset.to_bytes(2, "little") + bytes([most]) + made[7:])


def test_scales_begin_with_a_state_in_its_bounds(kernel: Kernel) -> None:
    made, _ = encode(tuned("BF16", (300, 257)), Delta())
    table = meta.opened(made).tables.row_table
    assert table is not None
    with pytest.raises(Corrupt):
        kernel.read_scales(bytes([1, 0, 0, 0, 0, 0]), table, 1)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("dtype", [dtype for dtype, width in WIDTHS.items() if width > 1])
def test_a_base_may_begin_anywhere_in_memory(kernel: Kernel, dtype: str, codec: Codec) -> None:
    pair = tuned(dtype, (64, 40))
    odd = replace(pair, base=memoryview(b"-" + pair.base)[1:], data=memoryview(b"-" + pair.data)[1:])
    made, blocks = encode(odd, codec)
    assert (made, blocks) == encode(pair, codec)
    assert decode(odd, codec, made, blocks) == pair.data
