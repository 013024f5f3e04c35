"""A clock that only tests move, and a database that can be made to fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tukar.database import Database, Transaction
from tukar.errors import Unavailable
from tukar.jobs import Job, queue
from tukar.jobs.tables import jobs

NOW = 1_700_000_000.5


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Outage(Database):
    """A database that refuses while ``out`` is set."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.out = False
        self.refused = 0

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._refuse()
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._refuse()
        with super().write() as tx:
            yield tx

    def _refuse(self) -> None:
        if self.out:
            self.refused += 1
            raise Unavailable("the database is away")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    with database.write() as tx:
        yield tx


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[Outage]:
    database = Outage(f"sqlite:///{tmp_path}/outage.sqlite")
    jobs.create(database.engine)
    yield database
    database.close()


def submit(database: Database, kind: str = "greet", now: float = NOW, **options: object) -> int:
    with database.write() as tx:
        return queue.submit(tx, kind, now=now, **options).id


def look(database: Database, job_id: int) -> Job:
    with database.read() as tx:
        return queue.get(tx, job_id)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
