"""The context codec in the compiled kernel, at every level of instructions, and in the reference: one stream."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.codecs.base import Codec, TensorView
from tukar.codecs.context import Coded, Delta, kernels, meta
from tukar.codecs.context.elements import KINDS
from tukar.codecs.context.layout import Kernel
from tukar.codecs.context.native import Native
from tukar.codecs.context.reference import Reference
from tukar.objects.sources import BytesSource

GOLDEN = Path(__file__).with_name("context_golden.json")
BLOCK = 1 << 16
WIDTHS = {name: 8 if name in ("I64", "U64") else kind.width // 8 for name, kind in KINDS.items()}


@cache
def all_kernels() -> dict[str, Kernel]:
    """All that work on this machine. The compiled one is there unless there is no compiler."""
    if not kernels.LIBRARY.exists():
        return {"reference": Reference()}
    native = [Native(kernels.LIBRARY, level) for level in range(3)]
    return {kernel.name: kernel for kernel in (*native, Reference())}


@pytest.fixture(params=all_kernels())
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    chosen = all_kernels()[request.param]
    with monkeypatch.context() as patch:
        use(chosen, patch)
        yield chosen
    meta.opened.cache_clear()


def use(kernel: Kernel, patch: pytest.MonkeyPatch) -> None:
    meta.opened.cache_clear()
    patch.setattr(kernels, "kernel", lambda: kernel)


@dataclass(frozen=True)
class Pair:
    """A tensor and a relative of it."""

    dtype: str | None
    shape: tuple[int, ...]
    data: bytes
    base: bytes


def encode(pair: Pair, codec: Codec, block: int = BLOCK) -> tuple[bytes, list[bytes]]:
    bases = [BytesSource(pair.base)] if isinstance(codec, Delta) else []
    made, blocks = codec.encode(TensorView(BytesSource(pair.data), pair.dtype, pair.shape), bases, block)
    return made, list(blocks)


def decode(pair: Pair, codec: Codec, made: bytes, blocks: list[bytes], block: int = BLOCK) -> bytes:
    whole = []
    for index, each in enumerate(blocks):
        start, stop = index * block, min((index + 1) * block, len(pair.data))
        needed = [pair.base[need.start : need.stop] for need in codec.needs(made, start, stop)]
        whole.append(
            each if len(each) == stop - start else bytes(codec.decode(made, each, start, stop - start, needed))
        )
    return b"".join(whole)


SPECIAL = np.array([np.nan, -np.inf, np.inf, -0.0, 0.0, 1e-42, -3e38], np.float32)


def tuned(dtype: str, shape: tuple[int, ...], seed: int = 1, change: float = 1e-3) -> Pair:
    """Weights, and the same ones after a little training: some rows more than others, some numbers that are none."""
    random = np.random.default_rng(seed)
    size = int(np.prod(shape))
    if dtype in ("F32", "BF16", "F16"):
        base = (random.standard_normal(size) * 0.05).astype(np.float32)
        rows = random.lognormal(0, 1, -(-size // max(shape[-1], 1))).repeat(shape[-1])
        data = base + (random.standard_normal(size) * change * 0.05 * rows).astype(np.float32)
        data[: len(SPECIAL)] = SPECIAL[:size]
        base[: len(SPECIAL)] = SPECIAL[::-1][:size]
        return Pair(dtype, shape, as_stored(dtype, data), as_stored(dtype, base))
    unsigned = np.dtype(f"<u{WIDTHS[dtype]}")
    whole = random.integers(0, np.iinfo(unsigned).max, size, unsigned, endpoint=True)
    return Pair(dtype, shape, (whole + random.geometric(0.5, size).astype(unsigned)).tobytes(), whole.tobytes())


def as_stored(dtype: str, values: np.ndarray) -> bytes:
    with np.errstate(over="ignore"):
        if dtype == "BF16":
            return (values.view(np.uint32) >> 16).astype("<u2").tobytes()
        return values.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes()


SHAPES = [(0,), (1,), (3,), (100,), (1, 1), (7, 1), (64, 40), (300, 257), (2, 3, 40_000)]
CODECS = [Coded(), Delta()]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("dtype", WIDTHS)
def test_every_kernel_writes_the_same_stream(dtype: str, codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    for shape in SHAPES:
        pair, streams = tuned(dtype, shape), []
        for kernel in all_kernels().values():
            use(kernel, monkeypatch)
            streams.append(encode(pair, codec))
        assert all(stream == streams[0] for stream in streams), shape


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("dtype", WIDTHS)
def test_every_kernel_reads_it(dtype: str, codec: Codec, kernel: Kernel) -> None:
    for shape in SHAPES:
        pair = tuned(dtype, shape)
        assert decode(pair, codec, *encode(pair, codec)) == pair.data, shape


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dtype=st.sampled_from([*WIDTHS, None]),
    rows=st.integers(0, 40),
    columns=st.integers(1, 700),
    data=st.binary(min_size=1, max_size=600),
    base=st.binary(min_size=1, max_size=600),
    block=st.sampled_from([64, 1000, 1 << 14]),
)
def test_whatever_the_bits_are(
    kernel: Kernel, dtype: str | None, rows: int, columns: int, data: bytes, base: bytes, block: int
) -> None:
    size = rows * columns * WIDTHS.get(dtype or "", 1)
    pair = Pair(dtype, (rows, columns), (data * size)[:size], (base * size)[:size])
    for codec in CODECS:
        assert decode(pair, codec, *encode(pair, codec, block), block) == pair.data


@pytest.mark.parametrize(("dtype", "most"), [("BF16", 0.2), ("F16", 0.4), ("F32", 0.6)])
def test_a_relative_takes_a_part_of_it(dtype: str, most: float) -> None:
    pair = tuned(dtype, (512, 512), change=1e-4)
    alone, beside = (sum(map(len, (made, *blocks))) for made, blocks in (encode(pair, codec) for codec in CODECS))
    assert beside < most * alone < alone < 0.9 * len(pair.data)


def test_the_same_needs_next_to_nothing() -> None:
    pair = tuned("BF16", (512, 512))
    made, blocks = encode(Pair(pair.dtype, pair.shape, pair.data, pair.data), Delta())
    assert len(made) + sum(map(len, blocks)) < len(pair.data) / 100


def test_two_threads_read_what_one_reads() -> None:
    pair = tuned("BF16", (1024, 1024))
    made, blocks = encode(pair, Delta())
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: decode(pair, Delta(), made, blocks), range(4)))
    assert found == [pair.data] * 4


# Streams of earlier versions


def golden() -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(GOLDEN.read_text())
    return found


@pytest.mark.parametrize("case", golden(), ids=lambda case: f"{case['codec']}-{case['dtype']}")
def test_what_was_written_before_is_read_as_before(case: dict[str, str], kernel: Kernel) -> None:
    codec = next(codec for codec in CODECS if codec.name == case["codec"])
    made, block, needed = (bytes.fromhex(case[name]) for name in ("meta", "block", "base"))
    raw = codec.decode(made, block, 0, int(case["size"]), [needed] if needed else [])
    assert hashlib.sha256(raw).hexdigest() == case["sha256"]


@pytest.mark.slow
def test_the_reference_reads_and_writes_the_same_whatever_it_is_compiled_for() -> None:
    """By numba for a processor of which nothing is known: without fused or vector instructions of this machine's."""
    settings = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "PYTEST_ADDOPTS": ""}
    wanted = "(before and reference) or (writes_the_same and BF16) or (writes_the_same and F32)"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", __file__, "-k", wanted]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{len(golden()) + 4} passed" in done.stdout
