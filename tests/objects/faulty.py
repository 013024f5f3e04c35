"""A storage and a database that fail, or die, at a step of one's choice; a storage with a flipped bit."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager

from tukar.database import Database, Transaction
from tukar.errors import Unavailable
from tukar.storage.base import Stat, Storage, Writer
from tukar.storage.memory import MemoryStorage


class Died(BaseException):
    """The process is no more: nothing that it would still do is done."""


Step = tuple[str, int]
"""What is done, and how many times it was done before. (Not its place among all steps: a landing has two threads.)"""


class Steps:
    """Counts what is done, and raises at the step ``at``: once, or from there on.

    Attributes:
        done: every step so far, in the order in which they were begun.
    """

    def __init__(self, at: Step | None = None, *, die: bool = False) -> None:
        self.done: list[Step] = []
        self._at, self._die = at, die
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def step(self, name: str) -> None:
        with self._lock:
            dead = self._die and self._at in self.done
            step = name, self._counts[name]
            self._counts[name] += 1
            self.done.append(step)
        if dead or step == self._at:
            raise Died if self._die else Unavailable(f"no {name} now")


class FaultyStorage:
    """Another storage, with a step before and after whatever changes it."""

    def __init__(self, storage: Storage, steps: Steps) -> None:
        self._storage, self._steps = storage, steps

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        self._steps.step("create")
        with self._storage.create(key) as blob:
            yield _FaultyWriter(blob, self._steps)
            self._steps.step("publish")
        self._steps.step("published")

    def read(self, key: str, start: int, stop: int) -> bytes:
        self._steps.step("read")
        return self._storage.read(key, start, stop)

    def stat(self, key: str) -> Stat:
        self._steps.step("stat")
        return self._storage.stat(key)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        self._steps.step("list")
        return self._storage.list(prefix)

    def delete(self, key: str) -> None:
        self._steps.step("delete")
        self._storage.delete(key)
        self._steps.step("deleted")


class _FaultyWriter:
    def __init__(self, blob: Writer, steps: Steps) -> None:
        self._blob, self._steps = blob, steps

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self._steps.step("write")
        self._blob.write(data)


class FaultyDatabase(Database):
    """A database with a step before each transaction, and before and after each commit."""

    def __init__(self, url: str, steps: Steps) -> None:
        super().__init__(url)
        self._steps = steps

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._steps.step("look")
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._steps.step("begin")
        with super().write() as tx:
            yield tx
            self._steps.step("commit")
        self._steps.step("committed")


class Interposed:
    """Another storage; before one of these blobs is read, something happens, once."""

    def __init__(self, storage: Storage, keys: Collection[str], happens: Callable[[], object]) -> None:
        self._storage, self._keys, self._happens = storage, set(keys), happens

    def create(self, key: str) -> AbstractContextManager[Writer]:
        return self._storage.create(key)

    def read(self, key: str, start: int, stop: int) -> bytes:
        if key in self._keys:
            self._keys.clear()
            self._happens()
        return self._storage.read(key, start, stop)

    def stat(self, key: str) -> Stat:
        return self._storage.stat(key)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        return self._storage.list(prefix)

    def delete(self, key: str) -> None:
        self._storage.delete(key)


class FlippedStorage(MemoryStorage):
    """Another storage's blobs, with one bit that reads as its opposite."""

    def __init__(self, whole: MemoryStorage, key: str, byte: int, bit: int) -> None:
        self._whole, self._key, self._byte, self._mask = whole, key, byte, 1 << bit

    def read(self, key: str, start: int, stop: int) -> bytes:
        data = bytearray(self._whole.read(key, start, stop))
        if key == self._key and start <= self._byte < stop:
            data[self._byte - start] ^= self._mask
        return bytes(data)

    def stat(self, key: str) -> Stat:
        return self._whole.stat(key)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        return self._whole.list(prefix)
