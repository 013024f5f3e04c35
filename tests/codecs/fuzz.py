"""Decode damaged streams of the context codec, with the kernel under AddressSanitizer and UBSan.

    python -m tests.codecs.fuzz --inputs 100000 --seed 1        (in the project, with gcc)

Each input is a stream of a small tensor, damaged a little in its meta or in its block, or with another size, place or
base than it should have. The decoder has to say Corrupt, or return as many bytes as were asked for, in five seconds.
What else happens is printed with what it takes to repeat it, and ends the run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tukar.codecs.context.native import Native

SOURCE = Path(__file__).parents[2] / "src/tukar/codecs/context/kernel.c"
FLAGS = ("-std=c99", "-O1", "-g", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_CHILD = "CONTEXT_FUZZ_KERNEL"


@dataclass(frozen=True)
class Stream:
    """A block as it should be, and what decoding it takes."""

    codec: int
    meta: bytes
    block: bytes
    start: int
    size: int
    base: bytes


def streams() -> list[Stream]:
    """Blocks of small tensors of every kind, with and without rows, whole and cut."""
    from tests.codecs.test_context_kernels import WIDTHS, encode, tuned

    from tukar.codecs.context import Coded, Delta

    found = []
    for codec in (Coded(), Delta()):
        for dtype, width in WIDTHS.items():
            for shape, block in (((9,), 1 << 16), ((20, 30), 512), ((150, 120), 1 << 15)):
                pair = tuned(dtype, shape, seed=width)
                meta, blocks = encode(pair, codec, block)
                for index, coded in enumerate(blocks[:2]):
                    start = index * block
                    raw = pair.data[start : start + block]
                    if len(coded) < len(raw):
                        beside = pair.base[start : start + block] if codec.id == Delta.id else b""
                        found.append(Stream(codec.id, meta, coded, start, len(raw), beside))
    return found


def damaged(data: bytes, some: random.Random) -> bytes:
    """Bytes with a few of them changed, missing or added."""
    made = bytearray(data)
    for _ in range(some.choice((1, 1, 1, 2, 4, 16))):
        at = some.randrange(len(made) + 1)
        kind = some.randrange(6)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << some.randrange(8)
        elif kind == 1 and at < len(made):
            made[at] = some.choice((0, 1, 0x7F, 0x80, 0xFF, some.randrange(256)))
        elif kind == 2:
            del made[at : at + some.choice((1, 2, 4, 64))]
        elif kind == 3:
            made[at:at] = some.randbytes(some.choice((1, 2, 4, 64)))
        elif kind == 4:
            length = some.choice((1, 2, 4, 8))
            made[at : at + length] = some.randbytes(length)
        elif made:
            del made[some.randrange(len(made)) :]
    return bytes(made)


def altered(stream: Stream, some: random.Random) -> Stream:
    """Another stream, which decoders have to expect."""
    what = some.randrange(10)
    if what < 4:
        return replace(stream, block=damaged(stream.block, some))
    if what < 8:
        return replace(stream, meta=damaged(stream.meta, some))
    if what == 8:
        size = max(0, stream.size + some.choice((-8, -1, 1, 4, 8, 1 << 16)))
        return replace(stream, size=size, base=(stream.base * 3)[:size])
    start = some.choice((0, 1, 4, stream.size, 1 << 20, 1 << 40))
    return replace(stream, start=start, base=some.randbytes(len(stream.base)))


def decoded(stream: Stream) -> bytes | None:
    """What comes of it; None if it is Corrupt."""
    from tukar import codecs
    from tukar.errors import Corrupt

    bases = [stream.base] if stream.base else []
    try:
        raw = codecs.codec(stream.codec).decode(stream.meta, stream.block, stream.start, stream.size, bases)
    except Corrupt:
        return None
    assert len(raw) == stream.size
    return bytes(raw)


def _streams_at(levels: Mapping[int, Native]) -> list[Stream]:
    """The streams, encoded at every level of instructions: the same ones."""
    from tukar.codecs.context import kernels

    found = []
    for level in levels.values():
        kernels.kernel = lambda level=level: level  # type: ignore[assignment]
        found.append(streams())
    assert all(each == found[0] for each in found)
    return found[0]


def run(first: int, inputs: int, seed: int) -> Counter[str]:
    """So many inputs, but for those before the first, with the kernel of `_CHILD` at each level of instructions."""
    from tukar.codecs.context import kernels, meta
    from tukar.codecs.context.native import Native

    levels = {level: Native(Path(os.environ[_CHILD]), level) for level in range(3)}
    known = _streams_at(levels)
    counts: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(first, inputs):
        if number % 10_000 == 0:
            print(f"{number} of {inputs}, {time.monotonic() - began:.0f} s: {dict(counts)}", flush=True)
        kernels.kernel = lambda number=number: levels[number % 3]  # type: ignore[assignment]
        some = random.Random(f"{seed}:{number}")
        signal.setitimer(signal.ITIMER_PROF, 5)  # of the processor: others may have it for longer
        try:
            counts["corrupt" if decoded(altered(some.choice(known), some)) is None else "decoded"] += 1
        except BaseException:
            print(f"seed {seed}, input {number}", flush=True)
            raise
        signal.setitimer(signal.ITIMER_PROF, 0)
        meta.opened.cache_clear() if number % 64 == 0 else None
    return counts


def main() -> int:
    """Build the kernel with sanitizers, and run in a process of its own that has them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="of these, where to go on")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if _CHILD in os.environ:
        counts = run(asked.first, asked.inputs, asked.seed)
        print(json.dumps({"first": asked.first, "inputs": asked.inputs, "seed": asked.seed, **counts}))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        subprocess.run(["gcc", *FLAGS, str(SOURCE), "-o", str(library), "-lm"], check=True)
        preload = subprocess.run(["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
        sanitized = {
            "LD_PRELOAD": preload.stdout.strip(),
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=0:max_allocation_size_mb=64",
            "PYTHONMALLOC": "malloc",  # or small reads beyond an end would stay unseen
            _CHILD: str(library),
        }
        return subprocess.run(
            [sys.executable, "-m", "tests.codecs.fuzz", *sys.argv[1:]], env=os.environ | sanitized
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
