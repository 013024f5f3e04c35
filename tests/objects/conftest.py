"""A store of each kind of database, its blobs in memory."""

from __future__ import annotations

import pytest

from tukar.database import Database
from tukar.storage.memory import MemoryStorage

from .stores import Store


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, MemoryStorage())
