"""A retry storage repeats what may succeed later, waits longer each time, and gives up in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tukar.errors import Conflict, Corrupt, NotFound, Unavailable
from tukar.storage.base import Stat, Writer
from tukar.storage.memory import MemoryStorage
from tukar.storage.retry import Backoff, RetryStorage
from tukar.testing.storage import get, give_up, noise, put


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def backoff(self, *, tries: int = 5, deadline: float = 1e9, jitter: float = 1.0) -> Backoff:
        return Backoff(tries, 1.0, 5.0, deadline, sleep=self.sleep, clock=lambda: self.now, jitter=lambda: jitter)


class Flaky(MemoryStorage):
    """Unavailable for the next ``failures`` calls; ``begun`` counts the blobs whose writing has begun."""

    failures = 0
    begun = 0

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("not now")

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        self.begun += 1
        with super().create(key) as blob:
            yield blob
            self._fail()

    def read(self, key: str, start: int, stop: int) -> bytes:
        self._fail()
        return super().read(key, start, stop)

    def stat(self, key: str) -> Stat:
        self._fail()
        return super().stat(key)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        for found in super().list(prefix):
            self._fail()
            yield found

    def delete(self, key: str) -> None:
        self._fail()
        super().delete(key)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


@pytest.fixture
def storage(flaky: Flaky, time: Time) -> RetryStorage:
    return RetryStorage(flaky, backoff=time.backoff())


def test_every_call_is_repeated(storage: RetryStorage, flaky: Flaky) -> None:
    flaky.failures = 3
    put(storage, "a", b"bytes")
    flaky.failures = 3
    assert storage.stat("a") == Stat("a", 5)
    flaky.failures = 3
    assert storage.read("a", 1, 3) == b"yt"
    flaky.failures = 3
    assert list(storage.list()) == [Stat("a", 5)]
    flaky.failures = 3
    storage.delete("a")
    assert list(flaky.list()) == []


def test_it_gives_up_after_the_last_try(storage: RetryStorage, flaky: Flaky, time: Time) -> None:
    flaky.failures = 100
    with pytest.raises(Unavailable, match="not now"):
        storage.stat("a")
    assert flaky.failures == 95
    assert len(time.waits) == 4


def test_waits_double_up_to_a_bound(flaky: Flaky, time: Time) -> None:
    flaky.failures = 6
    put(RetryStorage(flaky, backoff=time.backoff(tries=7)), "a", b"")
    assert time.waits == [1, 2, 4, 5, 5, 5]


def test_waits_are_scattered(flaky: Flaky, time: Time) -> None:
    flaky.failures = 3
    put(RetryStorage(flaky, backoff=time.backoff(jitter=0.25)), "a", b"")
    assert time.waits == [0.25, 0.5, 1]


def test_the_real_jitter_stays_within_its_bound() -> None:
    waits: list[float] = []
    backoff = Backoff(tries=200, first=0.5, longest=0.5, deadline=1e9, sleep=waits.append)
    flaky = Flaky()
    flaky.failures = 199
    put(RetryStorage(flaky, backoff=backoff), "a", b"")
    assert len(set(waits)) > 100
    assert all(0 <= wait < 0.5 for wait in waits)


def test_no_try_begins_after_the_deadline(flaky: Flaky, time: Time) -> None:
    flaky.failures = 100
    with pytest.raises(Unavailable):
        put(RetryStorage(flaky, backoff=time.backoff(tries=100, deadline=13)), "a", b"")
    assert time.waits == [1, 2, 4, 5]


@pytest.mark.parametrize("error", [NotFound("x"), Corrupt("x"), Conflict("x"), ValueError("x")])
def test_an_error_that_stays_is_not_repeated(time: Time, error: Exception) -> None:
    class Failing(MemoryStorage):
        def stat(self, key: str) -> Stat:
            raise error

    with pytest.raises(type(error)):
        RetryStorage(Failing(), backoff=time.backoff()).stat("a")
    assert time.waits == []


@pytest.mark.parametrize("size", [0, 10, 3 << 20])
def test_a_blob_is_sent_again_whole(storage: RetryStorage, flaky: Flaky, size: int) -> None:
    flaky.failures = 2
    put(storage, "a", noise(size), 100_000)
    assert flaky.begun == 3
    assert get(flaky, "a") == noise(size)


def test_a_blob_whose_writer_gives_up_is_never_begun(storage: RetryStorage, flaky: Flaky) -> None:
    give_up(storage, "a", noise(3 << 20))
    assert flaky.begun == 0


def test_a_listing_that_breaks_off_is_not_begun_again(storage: RetryStorage, flaky: Flaky) -> None:
    put(storage, "a", b"")
    put(storage, "b", b"")
    found = storage.list()
    first = next(found)
    flaky.failures = 1
    with pytest.raises(Unavailable):
        next(found)
    assert first.key in ("a", "b")


def test_an_empty_listing_is_empty(storage: RetryStorage) -> None:
    assert list(storage.list()) == []


def test_large_blobs_are_spooled_where_it_was_told(flaky: Flaky, tmp_path: Path) -> None:
    storage = RetryStorage(flaky, spool=tmp_path / "missing")
    put(storage, "small", b"x")
    with pytest.raises(Unavailable, match="temporary file"):
        put(storage, "large", noise(2 << 20))
