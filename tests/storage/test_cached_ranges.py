"""Any range of any blob through a cache of any shape is the range itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tukar.storage.cache import CacheStorage
from tukar.storage.memory import MemoryStorage
from tukar.testing.storage import noise, put


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=3),
    width=st.integers(1, 120),
    max_bytes=st.integers(0, 1500),
    reads=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300), st.integers(0, 300)), max_size=15),
)
def test_a_range_is_the_range(sizes: list[int], width: int, max_bytes: int, reads: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = CacheStorage(MemoryStorage(), Path(folder), max_bytes, width=width)
        for number, size in enumerate(sizes):
            put(cache, f"{number}", noise(size, number))
        for number, *ends in reads:
            number %= len(sizes)
            start, stop = sorted(min(end, sizes[number]) for end in ends)
            assert cache.read(f"{number}", start, stop) == noise(sizes[number], number)[start:stop]
            assert sum(path.stat().st_size for path in Path(folder).iterdir()) <= max_bytes
