"""Any range of a file reads as it was written, also while gc moves it about."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import BoundedSemaphore, Event, Semaphore

import pytest

from tukar import codecs
from tukar.codecs import Codec
from tukar.errors import Corrupt, NotFound
from tukar.objects import ahead
from tukar.objects.cache import BlockCache
from tukar.objects.workers import CORES
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_safetensors

from .stores import BLOCK, NOW, Store, flipped, noise, pieces, sha256_of, text

SMALL = tiny_safetensors(0, {f"layers.{number}": ("F32", (number % 7 + 1,)) for number in range(700)})


class CountingStorage(MemoryStorage):
    """Counts the reads."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def read(self, key: str, start: int, stop: int) -> bytes:
        self.reads.append(stop - start)
        return super().read(key, start, stop)


@pytest.mark.parametrize("content", [tiny_safetensors(0), text(3000), noise(3000), SMALL[:9000]])
def test_every_range_between_borders(store: Store, content: bytes) -> None:
    (sha256,) = store.land(content)
    starts = [start for start, _ in pieces(content)]
    borders = {b + near for start in starts for b in range(start, len(content), BLOCK) for near in (-1, 0, 1)}
    points = sorted({0, len(content)} | {point for point in borders if 0 <= point <= len(content)})
    reader = store.open(sha256)
    for start, stop in [*pairwise(points), *zip(points, points[5:], strict=False), (0, len(content))]:
        assert reader.read(start, stop) == content[start:stop]


def test_small_neighbours_are_read_at_once(store: Store) -> None:
    store.storage = storage = CountingStorage()
    store.pack_size = 1 << 20
    (sha256,) = store.land(SMALL)
    storage.reads.clear()
    assert store.read(sha256) == SMALL
    assert len(storage.reads) < 20 + len(SMALL) // BLOCK


def test_no_read_and_no_piece_is_larger_than_a_mebibyte(store: Store) -> None:
    store.storage = storage = CountingStorage()
    store.block_size, store.pack_size = 1 << 20, 16 << 20
    content = tiny_safetensors(0, {f"layers.{number}": ("F32", (30_000,)) for number in range(25)})
    (sha256,) = store.land(content, noise(3 << 20))[:1]
    storage.reads.clear()
    taken = [bytes(piece) for piece in store.open(sha256).stream()]
    assert b"".join(taken) == content
    assert max(map(len, taken)) <= 1 << 20
    assert max(storage.reads) <= 1 << 20


class StallingStorage(MemoryStorage):
    """Some blobs of it cannot be read until ``goes_on``. ``stalled`` counts who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.goes_on, self.stalled = Event(), Semaphore(0)

    def read(self, key: str, start: int, stop: int) -> bytes:
        if key in self.keys:
            self.stalled.release()
            self.goes_on.wait(60)
        return super().read(key, start, stop)


def test_who_waits_for_the_storage_holds_up_nobody_else(store: Store) -> None:
    store.storage = storage = StallingStorage()
    store.block_size, store.pack_size, store.cache = 64 << 10, 8 << 20, BlockCache(0)
    contents = [text(4 << 20, seed) for seed in (1, 2)]
    (slow,) = store.land(contents[0])
    before = set(store.blobs())
    (other,) = store.land(contents[1])
    assert sum(store.blobs().values()) < sum(map(len, contents)), "they have to be decoded"
    readers = [store.open(slow).stream() for _ in range(CORES + 1)]
    begun = [bytes(next(reader)) for reader in readers]
    storage.keys = before
    with ThreadPoolExecutor(len(readers) + 1) as pool:
        rest = [pool.submit(b"".join, reader) for reader in readers]
        for _ in range(CORES):
            assert storage.stalled.acquire(timeout=60)
        try:
            assert pool.submit(store.read, other).result(20) == contents[1]
        finally:
            storage.goes_on.set()
        assert {first + each.result() for first, each in zip(begun, rest, strict=True)} == {contents[0]}


def test_a_reader_alone_decodes_on_all_cores(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "CORES", 4)
    store.storage = storage = StallingStorage()
    store.block_size, store.pack_size, store.cache = 1 << 20, 64 << 20, BlockCache(0)
    content = text(7 << 20, 1)
    (sha256,) = store.land(content)
    stream = store.open(sha256).stream()
    begun = bytes(next(stream))
    storage.keys = set(store.blobs())
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(b"".join, stream)
        try:
            assert all(storage.stalled.acquire(timeout=60) for _ in range(4))
        finally:
            storage.goes_on.set()
        assert begun + rest.result() == content


@pytest.mark.parametrize("ending", ["read", "closed", "damaged"])
def test_slow_readers_together_hold_little(store: Store, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr(ahead, "CORES", 4)
    monkeypatch.setattr(ahead, "_more", more := BoundedSemaphore(3))
    store.storage = storage = CountingStorage()
    store.block_size, store.pack_size, store.cache = 1 << 20, 64 << 20, BlockCache(0)
    content = text(7 << 20, 1)
    (sha256,) = store.land(content)
    streams = [store.open(sha256).stream() for _ in range(5)]
    storage.reads.clear()
    begun = [bytes(next(stream)) + bytes(next(stream)) for stream in streams]
    assert len(storage.reads) <= 5 * (2 + 1) + 3
    if ending == "damaged":
        (pack,) = store.blobs()
        storage.delete(pack)
    for first, stream in zip(begun, streams, strict=True):
        if ending == "read":
            assert first + b"".join(stream) == content
        elif ending == "damaged":
            with pytest.raises(Corrupt):
                b"".join(stream)
        else:
            assert isinstance(stream, Generator)
            stream.close()
    assert all(more.acquire(blocking=False) for _ in range(3)), "all of it was given back"
    assert not more.acquire(blocking=False)


@pytest.mark.parametrize("content", [noise(5 * BLOCK), SMALL], ids=["one-part", "many-parts"])
def test_a_file_that_gc_moves_is_read_on(store: Store, content: bytes) -> None:
    (sha256,) = store.land(content)
    taken = bytearray()
    for number, piece in enumerate(store.open(sha256).stream()):
        taken += piece
        if number in (0, 1):  # twice: what was looked up again moves again
            before = store.blobs()
            store.collect_and_move()
            assert store.blobs().keys().isdisjoint(before)
    assert taken == content


def test_a_file_that_is_freed_while_it_is_read_is_not_found(store: Store) -> None:
    (sha256,) = store.land(noise((1 << 21) + 5))
    stream = store.open(sha256).stream()
    next(stream)
    store.roots.clear()
    store.collect(NOW)
    with pytest.raises(NotFound, match="freed"):
        for _ in stream:
            pass


def test_a_lost_pack_is_corrupt_and_not_taken_for_a_moved_one(store: Store) -> None:
    (sha256,) = store.land(noise(3000))
    for key in store.blobs():
        store.storage.delete(key)
    with pytest.raises(Corrupt, match="missing"):
        store.read(sha256)


def test_a_file_that_nobody_stored_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.open("0" * 64)


def test_many_small_ranges_of_a_block_read_it_once(store: Store) -> None:
    store.storage = storage = CountingStorage()
    (sha256,) = store.land(text(BLOCK))
    storage.reads.clear()
    reader = store.open(sha256)
    for start in range(0, BLOCK, 10):
        assert reader.read(start, min(start + 10, BLOCK)) == text(BLOCK)[start : start + 10]
    assert len(storage.reads) == 1


def test_the_cache_keeps_what_was_wanted_last_within_its_capacity() -> None:
    cache = BlockCache(100)
    for name in (b"0", b"1", b"2"):
        cache.put(name, bytes(40))
    cache.put(b"9", bytes(101))
    assert [cache.get(name) is not None for name in (b"0", b"1", b"2", b"9")] == [False, True, True, False]
    cache.get(b"1")
    cache.put(b"3", bytes(40))
    assert [cache.get(name) is not None for name in (b"1", b"2", b"3")] == [True, False, True]
    assert cache.size == 80


def test_a_cache_serves_no_other_object(store: Store) -> None:
    contents = [noise(BLOCK, seed) for seed in range(4)]
    store.land(*contents)
    for content in contents * 2:
        assert store.open(sha256_of(content)).read(5, 50) == content[5:50]


def test_pieces_are_neither_tiny_nor_large(store: Store) -> None:
    """Whoever sends them pays for each."""
    content = tiny_safetensors(0, {f"expert.{index}": ("BF16", (100,)) for index in range(1500)}) + noise(2 << 20)
    (sha256,) = store.land(content)
    sizes = [len(piece) for piece in store.open(sha256).stream()]
    assert sum(sizes) == len(content)
    assert max(sizes) <= 1 << 20
    assert all(before + size > 64 << 10 for before, size in pairwise(sizes))


def test_what_shrank_a_lot_is_read_in_bounded_pieces(store: Store) -> None:
    store.block_size, store.pack_size = 64 << 10, 1 << 20
    (sha256,) = store.land(bytes(8 << 20) + b"!")
    assert max(len(piece) for piece in store.open(sha256).stream()) <= 1 << 20


def test_a_long_stream_does_not_flush_the_cache(store: Store) -> None:
    store.block_size, store.pack_size = 128 << 10, 1 << 20
    small, large = noise(200 << 10), noise(3 << 20, 1)
    store.land(small, large)
    store.open(sha256_of(small)).read(5, 10)
    assert store.cache.size == 128 << 10
    assert store.read(sha256_of(large)) == large
    assert store.cache.size == 128 << 10


def test_a_file_in_place_of_a_freed_one_is_never_read_for_it(store: Store) -> None:
    (sha256,) = store.land(noise(3 << 20))
    stream = store.open(sha256).stream()
    next(stream)
    store.roots.clear()
    store.collect()
    store.land(noise(3 << 20, 1))
    with pytest.raises(NotFound):
        list(stream)


def test_a_damaged_block_does_not_reach_a_codec(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.block_size, store.pack_size = 16 << 10, 1 << 20
    (sha256,) = store.land(text(9000))
    ((name, data),) = store.data().items()
    store.put(name, flipped(data, 100))

    def never(number: int) -> Codec:
        raise AssertionError("it did")

    monkeypatch.setattr(codecs, "codec", never)
    with pytest.raises(Corrupt, match="stored block"):
        store.read(sha256)
