"""A hub's catalogue with some people, a repository, and files that are in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from blake3 import blake3

from tukar.catalog import commits, repositories, users
from tukar.catalog.values import Identity, Repository, User
from tukar.database import Database, Transaction
from tukar.objects import tables as objects
from tukar.types import RepoId

NOW = 1_700_000_000.5

Land = Callable[[bytes], str]


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    with database.write() as tx:
        yield tx


@pytest.fixture
def ada(tx: Transaction) -> User:
    return users.create(tx, "Ada", now=NOW)


@pytest.fixture
def bob(tx: Transaction) -> User:
    return users.create(tx, "bob", now=NOW)


@pytest.fixture
def admin(tx: Transaction) -> Identity:
    return Identity(users.create(tx, "root", now=NOW, is_admin=True), "write")


@pytest.fixture
def repository(tx: Transaction, ada: User) -> Repository:
    """A public model of Ada's with an empty first commit."""
    repository = repositories.create(tx, RepoId("Ada", "Tiny"), private=False, now=NOW)
    commits.start(tx, repository, author=ada, now=NOW)
    return repository


@pytest.fixture
def land(tx: Transaction) -> Land:
    """Register a file as if its bytes had been stored; returns its sha256. The same bytes land once."""

    def land(content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        if tx.execute(sa.select(objects.files.c.id).where(objects.files.c.sha256 == sha256)).first() is None:
            _register(tx, sha256, content)
        return sha256

    return land


def _register(tx: Transaction, sha256: str, content: bytes) -> None:
    # The catalogue refers to files alone; the rows that these refer to only have to be there.
    pack = tx.execute(sa.select(objects.packs.c.id)).scalar() or _insert(tx, objects.packs, id="0" * 32)
    manifest = _insert(tx, objects.objects, digest=blake3(content).digest(), pack_id=pack)
    _insert(tx, objects.files, sha256=sha256, size=len(content), manifest_id=manifest)


def _insert(tx: Transaction, table: sa.Table, **values: object) -> object:
    """A row with these values, and nought in every other column that needs one; returns its id."""
    needed = (column for column in table.columns if not column.nullable and column.name != "id")
    row = {column.name: column.type.python_type() for column in needed if column.name not in values}
    return tx.execute(sa.insert(table).values(row | values).returning(table.c.id)).scalar_one()
