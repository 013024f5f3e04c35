"""The suite that every storage passes.

Subclass ``StorageContract`` in a test module and give it a storage without blobs::

    class TestMemoryStorage(StorageContract):
        @pytest.fixture
        def storage(self) -> Storage:
            return MemoryStorage()
"""

# ruff: noqa: D102 - a test's name says what it promises
from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from tukar.errors import Corrupt, Invalid, NotFound
from tukar.storage.base import Stat, Storage

LARGE = (5 << 20) + 321
"""More than one part of an upload, one segment of a cache or one buffer."""

KEYS = ("a", "a-b_c.D9", "packs/ab/abcdef", "x/" * 20 + "end", "0/-/_", "tmpx", "x/tmp/y")

NOT_KEYS = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".hidden",
    "a/.hidden",
    "a b",
    "a\\b",
    "a\0b",
    "a\n",
    "é",
    "%2e",
    "tmp",
    "tmp/a",
    "n" * 256,
    "n/" * 300 + "n",
)


def put(storage: Storage, key: str, data: bytes, piece: int = 1 << 20) -> None:
    """Create the blob ``key``, ``piece`` bytes at a time."""
    with storage.create(key) as blob:
        for start in range(0, len(data), piece):
            blob.write(data[start : start + piece])


def get(storage: Storage, key: str) -> bytes:
    """All bytes of a blob."""
    return storage.read(key, 0, storage.stat(key).size)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that are different everywhere, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - not a secret


def give_up(storage: Storage, key: str, data: bytes) -> None:
    """Begin to create the blob ``key``, write ``data`` and fail."""

    class GivenUp(Exception):
        pass

    with contextlib.suppress(GivenUp), storage.create(key) as blob:
        blob.write(data)
        raise GivenUp


class StorageContract:
    """What :class:`tukar.storage.base.Storage` promises."""

    @pytest.fixture
    def storage(self) -> Storage:
        """A storage without blobs."""
        raise NotImplementedError

    # Reading back what was written

    @pytest.mark.parametrize("size", [0, 1, 511, 4096, LARGE])
    def test_a_blob_is_read_as_it_was_written(self, storage: Storage, size: int) -> None:
        data = noise(size)
        put(storage, "ab/cd", data)
        assert get(storage, "ab/cd") == data
        assert storage.stat("ab/cd") == Stat("ab/cd", size)

    @pytest.mark.parametrize("piece", [1, 1000, 1 << 16])
    def test_the_pieces_in_which_it_was_written_do_not_matter(self, storage: Storage, piece: int) -> None:
        data = noise(3000)
        put(storage, "a", data, piece)
        assert get(storage, "a") == data

    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
    def test_anything_that_holds_bytes_can_be_written(
        self, storage: Storage, wrap: Callable[[bytes], bytes | bytearray | memoryview]
    ) -> None:
        with storage.create("a") as blob:
            blob.write(wrap(b"some "))
            blob.write(wrap(b""))
            blob.write(wrap(b"bytes"))
        assert get(storage, "a") == b"some bytes"

    def test_a_buffer_may_be_used_again_after_it_was_written(self, storage: Storage) -> None:
        buffer = bytearray(1 << 16)
        with storage.create("a") as blob:
            for value in range(100):
                buffer[:] = bytes([value]) * len(buffer)
                blob.write(buffer)
        assert get(storage, "a") == b"".join(bytes([value]) * len(buffer) for value in range(100))

    def test_a_range_is_read_exactly(self, storage: Storage) -> None:
        data = noise(LARGE)
        put(storage, "a", data)
        middle = 1 << 20
        ranges = [(0, 0), (0, 1), (7, 8), (LARGE - 1, LARGE), (LARGE, LARGE), (middle, middle), (0, LARGE)]
        ranges += [(middle - 1, middle + 1), (middle, 2 * middle), (100, 4 * middle + 5)]
        for start, stop in ranges:
            assert storage.read("a", start, stop) == data[start:stop]

    def test_reading_past_the_end_is_corrupt(self, storage: Storage) -> None:
        put(storage, "a", noise(100))
        for start, stop in ((0, 101), (99, 101), (100, 101), (101, 101), (500, 600), (0, 10**12)):
            with pytest.raises(Corrupt):
                storage.read("a", start, stop)

    def test_reading_past_the_end_of_an_empty_blob_is_corrupt(self, storage: Storage) -> None:
        put(storage, "a", b"")
        assert storage.read("a", 0, 0) == b""
        for start, stop in ((0, 1), (1, 1)):
            with pytest.raises(Corrupt):
                storage.read("a", start, stop)

    def test_what_is_not_a_range_is_invalid(self, storage: Storage) -> None:
        put(storage, "a", noise(100))
        for start, stop in ((-1, 1), (2, 1), (-2, -1)):
            with pytest.raises(Invalid):
                storage.read("a", start, stop)

    def test_what_is_not_there_is_not_found(self, storage: Storage) -> None:
        put(storage, "a/b", b"x")
        for key in ("b", "a", "a/c", "c/d/e"):
            _check_absent(storage, key)

    def test_what_would_lie_below_a_blob_is_not_found(self, storage: Storage) -> None:
        put(storage, "a/b", b"x")
        _check_absent(storage, "a/b/c")

    # Creating

    def test_a_blob_is_invisible_until_it_is_complete(self, storage: Storage) -> None:
        with storage.create("a") as blob:
            blob.write(noise(LARGE))
            assert list(storage.list()) == []
            with pytest.raises(NotFound):
                storage.read("a", 0, 1)
        assert list(storage.list()) == [Stat("a", LARGE)]

    @pytest.mark.parametrize("size", [0, 1, LARGE])
    def test_a_failed_write_leaves_nothing(self, storage: Storage, size: int) -> None:
        give_up(storage, "a", noise(size))
        assert list(storage.list()) == []
        with pytest.raises(NotFound):
            storage.stat("a")

    def test_a_failed_write_leaves_the_old_blob(self, storage: Storage) -> None:
        put(storage, "a", b"old")
        give_up(storage, "a", b"new bytes")
        assert get(storage, "a") == b"old"

    def test_a_key_can_be_written_after_a_failed_write(self, storage: Storage) -> None:
        give_up(storage, "a", b"first")
        put(storage, "a", b"second")
        assert get(storage, "a") == b"second"

    def test_a_blob_is_replaced_whole(self, storage: Storage) -> None:
        put(storage, "a", noise(LARGE, 1))
        assert get(storage, "a") == noise(LARGE, 1)
        with storage.create("a") as blob:
            blob.write(noise(1000, 2))
            assert get(storage, "a") == noise(LARGE, 1)
        assert get(storage, "a") == noise(1000, 2)
        assert list(storage.list()) == [Stat("a", 1000)]

    def test_nothing_is_written_once_the_blob_is_complete(self, storage: Storage) -> None:
        with storage.create("a") as blob:
            blob.write(b"all")
        with contextlib.suppress(Exception):  # whether it is an error is not promised
            blob.write(b" and more")
        assert get(storage, "a") == b"all"

    # Listing

    def test_a_listing_has_every_blob_once(self, storage: Storage) -> None:
        expected = {Stat(key, number) for number, key in enumerate(KEYS)}
        for number, key in enumerate(KEYS):
            put(storage, key, noise(number))
        found = list(storage.list())
        assert set(found) == expected
        assert len(found) == len(expected)

    def test_a_prefix_is_compared_letter_by_letter(self, storage: Storage) -> None:
        keys = ("a", "ab", "ab-c/d", "abc/d", "abc/de/f", "b/c")
        for key in keys:
            put(storage, key, b"x")
        prefixes = ("", "a", "ab", "ab-", "abc", "abc/", "abc/d", "abc/de", "abc/d/", "b/c", "c", "abc/de/f/g", "t")
        for prefix in prefixes:
            expected = {Stat(key, 1) for key in keys if key.startswith(prefix)}
            assert set(storage.list(prefix)) == expected, prefix

    def test_a_component_may_have_255_letters(self, storage: Storage) -> None:
        key = f"{'n' * 255}/{'n' * 255}"
        put(storage, key, b"x")
        assert list(storage.list()) == [Stat(key, 1)]
        assert get(storage, key) == b"x"

    def test_many_blobs_are_listed(self, storage: Storage) -> None:
        keys = {f"packs/{number % 7:02x}/{number:05d}" for number in range(100)}
        for key in keys:
            put(storage, key, b"x")
        assert {found.key for found in storage.list("packs/")} == keys

    def test_blobs_can_be_deleted_while_they_are_listed(self, storage: Storage) -> None:
        for number in range(20):
            put(storage, f"{number % 5}/{number}", b"x")
        for found in storage.list():
            storage.delete(found.key)
        assert list(storage.list()) == []

    # Deleting

    def test_what_was_deleted_is_gone(self, storage: Storage) -> None:
        put(storage, "a/b", noise(LARGE))
        put(storage, "a/c", b"stays")
        assert get(storage, "a/b") == noise(LARGE)
        storage.delete("a/b")
        with pytest.raises(NotFound):
            storage.read("a/b", 0, 10)
        with pytest.raises(NotFound):
            storage.stat("a/b")
        assert list(storage.list()) == [Stat("a/c", 5)]

    def test_deleting_what_is_not_there_is_no_error(self, storage: Storage) -> None:
        put(storage, "a/b", b"x")
        for key in ("b", "c/d", "a/c"):
            storage.delete(key)
        storage.delete("a/b")
        storage.delete("a/b")
        assert list(storage.list()) == []

    def test_deleting_what_would_lie_above_or_below_a_blob_is_no_error(self, storage: Storage) -> None:
        put(storage, "a/b", b"x")
        storage.delete("a")
        storage.delete("a/b/c")
        assert list(storage.list()) == [Stat("a/b", 1)]

    def test_a_deleted_key_can_be_written_again(self, storage: Storage) -> None:
        put(storage, "a", b"first")
        assert get(storage, "a") == b"first"
        storage.delete("a")
        put(storage, "a", b"second!")
        assert get(storage, "a") == b"second!"

    # Keys

    def test_what_is_not_a_key_is_invalid(self, storage: Storage) -> None:
        for key in NOT_KEYS:
            with pytest.raises(Invalid):
                put(storage, key, b"x")
            with pytest.raises(Invalid):
                storage.read(key, 0, 1)
            with pytest.raises(Invalid):
                storage.stat(key)
            with pytest.raises(Invalid):
                storage.delete(key)
        assert list(storage.list()) == []

    def test_what_begins_no_key_is_no_prefix(self, storage: Storage) -> None:
        for prefix in ("/", "../", "a/../", ".", "a//", "tmp/", "é", "a/.."):
            with pytest.raises(Invalid):
                list(storage.list(prefix))

    # Threads

    def test_threads_write_and_read_at_the_same_time(self, storage: Storage) -> None:
        barrier = Barrier(8)

        def work(worker: int) -> None:
            barrier.wait()
            for number in range(6):
                key, data = f"{number}/{worker}", noise(10_000 + worker, number)
                put(storage, key, data, 3000)
                assert get(storage, key) == data
                assert all(len(storage.read(s.key, 0, s.size)) == s.size for s in storage.list(f"{number}/"))

        _together(work, range(8))
        assert sorted(found.key for found in storage.list()) == sorted(f"{n}/{w}" for n in range(6) for w in range(8))

    def test_a_reader_sees_the_old_or_the_new_bytes_and_never_a_mixture(self, storage: Storage) -> None:
        size, done = (1 << 20) + 5000, Event()
        put(storage, "a", bytes(size))

        def write(_: int) -> None:
            try:
                for value in range(1, 15):
                    put(storage, "a", bytes([value]) * size)
            finally:
                done.set()

        def read(_: int) -> None:
            newest = 0
            while not done.is_set():
                data = storage.read("a", 0, size)
                assert data == data[:1] * size
                assert data[0] >= newest
                newest = data[0]

        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(work, 0) for work in (write, read, read, read)]
            for future in futures:
                future.result()
        assert get(storage, "a") == bytes([14]) * size

    def test_a_delete_does_not_break_a_read_that_is_under_way(self, storage: Storage) -> None:
        data = noise(1 << 20)
        put(storage, "a", data)
        deleted = Event()

        def read(_: int) -> None:
            for _ in range(10_000):
                over = deleted.is_set()
                try:
                    assert storage.read("a", 0, len(data)) == data
                    assert not over
                except NotFound:
                    return
            pytest.fail("a deleted blob can still be read")

        def delete(_: int) -> None:
            storage.delete("a")
            deleted.set()

        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(work, 0) for work in (read, read, read, delete)]
            for future in futures:
                future.result()

    def test_the_same_blob_can_be_written_by_several_threads(self, storage: Storage) -> None:
        barrier, data = Barrier(6), noise(200_000)

        def work(_: int) -> None:
            barrier.wait()
            put(storage, "a/b/c", data, 50_000)
            assert get(storage, "a/b/c") == data

        _together(work, range(6))
        assert list(storage.list()) == [Stat("a/b/c", len(data))]

    def test_a_blob_can_be_begun_in_one_thread_and_completed_in_another(self, storage: Storage) -> None:
        creating = storage.create("a")
        with ThreadPoolExecutor(1) as pool:
            blob = pool.submit(creating.__enter__).result()
        blob.write(b"bytes")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(creating.__exit__, None, None, None).result()
        assert get(storage, "a") == b"bytes"


def _check_absent(storage: Storage, key: str) -> None:
    with pytest.raises(NotFound):
        storage.stat(key)
    with pytest.raises(NotFound):
        storage.read(key, 0, 1)
    with pytest.raises(NotFound):
        storage.read(key, 0, 0)


def _together(work: Callable[[int], None], workers: Iterable[int]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, workers))
