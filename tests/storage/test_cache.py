"""A cache storage asks the slow storage once, within its bound, and never serves what is stale or damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tukar.errors import Corrupt, NotFound, Unavailable
from tukar.storage.base import Stat, Writer
from tukar.storage.cache import CacheStorage
from tukar.storage.memory import MemoryStorage
from tukar.testing.storage import get, noise, put

WIDTH = 100


class Counting(MemoryStorage):
    """Notes every range that is read and every look at a size."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []
        self.stats = 0
        self.down = False

    def read(self, key: str, start: int, stop: int) -> bytes:
        if self.down:
            raise Unavailable("down")
        self.reads.append((start, stop))
        return super().read(key, start, stop)

    def stat(self, key: str) -> Stat:
        self.stats += 1
        return super().stat(key)


@pytest.fixture
def inner() -> Counting:
    return Counting()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(inner: Counting, folder: Path) -> CacheStorage:
    return CacheStorage(inner, folder, 100_000, width=WIDTH)


def used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_was_read_is_not_asked_for_again(cache: CacheStorage, inner: Counting) -> None:
    put(cache, "a", noise(1050))
    assert cache.read("a", 0, 1050) == noise(1050)
    inner.down = True
    for start, stop in [(0, 1050), (99, 101), (1049, 1050), (500, 700)]:
        assert cache.read("a", start, stop) == noise(1050)[start:stop]
    assert inner.stats == 1


def test_whole_segments_are_read_and_runs_of_them_at_once(cache: CacheStorage, inner: Counting) -> None:
    put(cache, "a", noise(1050))
    cache.read("a", 250, 260)
    assert inner.reads == [(200, 300)]
    cache.read("a", 710, 720)
    inner.reads.clear()
    cache.read("a", 1, 1049)
    assert inner.reads == [(0, 200), (300, 700), (800, 1050)]


def test_the_folder_stays_within_its_bound(inner: Counting, folder: Path) -> None:
    cache = CacheStorage(inner, folder, 1000, width=WIDTH)
    put(cache, "a", noise(5000))
    for start in range(0, 5000, 90):
        assert cache.read("a", start, min(start + 90, 5000)) == noise(5000)[start : start + 90]
        assert used(folder) <= 1000
    assert used(folder) > 700


def test_what_was_used_longest_ago_makes_way(inner: Counting, folder: Path) -> None:
    cache = CacheStorage(inner, folder, 3 * (WIDTH + 32), width=WIDTH)
    put(cache, "a", noise(1000))
    for start in (0, 100, 200, 0, 300):  # 100 was used before 0
        cache.read("a", start, start + 1)
    inner.reads.clear()
    for start in (0, 200, 300):
        cache.read("a", start, start + 1)
    assert inner.reads == []
    cache.read("a", 100, 101)
    assert inner.reads == [(100, 200)]


def test_a_cache_too_small_for_a_segment_keeps_nothing(inner: Counting, folder: Path) -> None:
    cache = CacheStorage(inner, folder, 10, width=WIDTH)
    put(cache, "a", noise(1000))
    assert get(cache, "a") == noise(1000)
    assert used(folder) == 0


def test_it_is_used_again_after_a_restart(cache: CacheStorage, inner: Counting, folder: Path) -> None:
    put(cache, "a", noise(1050))
    put(cache, "b", noise(1050, 1))
    get(cache, "a")
    get(cache, "b")
    inner.down = True
    again = CacheStorage(inner, folder, 100_000, width=WIDTH)
    assert get(again, "a") == noise(1050)
    assert get(again, "b") == noise(1050, 1)


def test_a_smaller_bound_after_a_restart_is_kept(cache: CacheStorage, inner: Counting, folder: Path) -> None:
    put(cache, "a", noise(5000))
    get(cache, "a")
    again = CacheStorage(inner, folder, 1000, width=WIDTH)
    assert used(folder) <= 1000
    assert get(again, "a") == noise(5000)


def test_another_width_after_a_restart_is_no_error(cache: CacheStorage, inner: Counting, folder: Path) -> None:
    put(cache, "a", noise(5000))
    get(cache, "a")
    again = CacheStorage(inner, folder, 100_000, width=WIDTH + 7)
    assert get(again, "a") == noise(5000)


def test_unfinished_files_of_an_earlier_process_are_removed(inner: Counting, folder: Path) -> None:
    folder.mkdir()
    (folder / "unfinished-0123").write_bytes(b"x" * 1000)
    (folder / "notes.txt").write_bytes(b"somebody's")
    CacheStorage(inner, folder, 100_000, width=WIDTH)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("damage", ["flip", "shorten", "empty", "swap", "remove"])
def test_a_damaged_segment_is_read_anew(cache: CacheStorage, inner: Counting, folder: Path, damage: str) -> None:
    put(cache, "a", noise(1000))
    get(cache, "a")
    first, second, *_ = sorted(folder.iterdir())
    content = first.read_bytes()
    match damage:
        case "flip":
            first.write_bytes(content[:10] + bytes([content[10] ^ 1]) + content[11:])
        case "shorten":
            first.write_bytes(content[:-40])
        case "empty":
            first.write_bytes(b"")
        case "swap":
            first.write_bytes(second.read_bytes())
        case "remove":
            first.unlink()
    inner.reads.clear()
    assert get(cache, "a") == noise(1000)
    assert len(inner.reads) == 1
    inner.down = True
    assert get(cache, "a") == noise(1000)


def test_a_disk_that_refuses_the_segment_is_no_error(cache: CacheStorage, folder: Path) -> None:
    put(cache, "a", noise(1000))
    folder.rename(folder.with_name("gone"))
    assert get(cache, "a") == noise(1000)
    assert get(cache, "a") == noise(1000)


def test_a_cache_that_cannot_be_made_is_unavailable(inner: Counting, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        CacheStorage(inner, tmp_path / "file", 1000)


def test_a_replaced_blob_leaves_no_segment(cache: CacheStorage, folder: Path) -> None:
    put(cache, "a", noise(1000))
    get(cache, "a")
    assert used(folder) > 0
    put(cache, "a", noise(450, 2))
    assert used(folder) == 0
    assert get(cache, "a") == noise(450, 2)
    with pytest.raises(Corrupt):
        cache.read("a", 400, 500)


def test_a_deleted_blob_leaves_no_segment(cache: CacheStorage, folder: Path) -> None:
    put(cache, "a", noise(1000))
    put(cache, "b", noise(1000))
    get(cache, "a")
    get(cache, "b")
    both = used(folder)
    cache.delete("a")
    assert used(folder) == both / 2
    with pytest.raises(NotFound):
        cache.read("a", 0, 1)


class Interrupted(MemoryStorage):
    """Does something else in the middle of a read, and just before a blob becomes visible."""

    def __init__(self) -> None:
        super().__init__()
        self.while_reading = self.before_visible = lambda: None

    def read(self, key: str, start: int, stop: int) -> bytes:
        data = super().read(key, start, stop)
        action, self.while_reading = self.while_reading, lambda: None
        action()
        return data

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        with super().create(key) as blob:
            yield blob
            self.before_visible()


def test_a_read_that_a_replacement_overtakes_is_of_one_piece(folder: Path) -> None:
    inner = Interrupted()
    cache = CacheStorage(inner, folder, 100_000, width=WIDTH)
    put(cache, "a", b"o" * 300)
    cache.read("a", 100, 101)  # the middle is cached, so that two more reads are needed
    inner.while_reading = lambda: put(cache, "a", b"n" * 300)
    assert cache.read("a", 0, 300) == b"n" * 300
    assert cache.read("a", 0, 300) == b"n" * 300


def test_what_a_deletion_overtakes_is_not_kept(folder: Path) -> None:
    inner = Interrupted()
    cache = CacheStorage(inner, folder, 100_000, width=WIDTH)
    put(cache, "a", b"o" * 300)
    inner.while_reading = lambda: cache.delete("a")
    with pytest.raises(NotFound):
        cache.read("a", 0, 300)
    assert used(folder) == 0


def test_old_bytes_read_just_before_the_new_are_visible_are_not_kept(folder: Path) -> None:
    inner = Interrupted()
    cache = CacheStorage(inner, folder, 100_000, width=WIDTH)
    put(cache, "a", b"o" * 300)
    seen = []
    inner.before_visible = lambda: seen.append(cache.read("a", 0, 300))
    put(cache, "a", b"n" * 300)
    assert seen == [b"o" * 300]
    assert cache.read("a", 0, 300) == b"n" * 300
