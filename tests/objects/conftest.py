"""A store of each kind of database, its blobs in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tukar.database import Database, metadata
from tukar.storage.memory import MemoryStorage

from .stores import Store


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, MemoryStorage())


@pytest.fixture
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Store]]:
    """Makes stores, each with an SQLite database of its own."""
    made: list[Database] = []

    def make() -> Store:
        database = Database(f"sqlite:///{tmp_path_factory.mktemp('store')}/database.sqlite")
        made.append(database)
        with database.engine.begin() as connection:
            metadata.create_all(connection)
        return Store(database, MemoryStorage())

    yield make
    for database in made:
        database.close()
