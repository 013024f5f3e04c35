"""Who may read, write and create: the whole table."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from tukar.catalog import repositories, rights, tables, users
from tukar.catalog.values import ANONYMOUS, Identity, Role, User
from tukar.database import Transaction
from tukar.types import RepoId

from .conftest import NOW


def person(name: str, role: Role, is_admin: bool = False) -> Identity:
    return Identity(User(len(name), name, "user", "", None, is_admin, NOW), role)


OWNER = person("ADA", "write")
OWNER_READS = person("ada", "read")
OTHER = person("bob", "write")
ADMIN = person("root", "write", is_admin=True)
ADMIN_READS = person("root", "read", is_admin=True)

TABLE = [
    # asker, reads public, reads private, writes, creates
    (ANONYMOUS, True, False, False, False),
    (OTHER, True, False, False, False),
    (OWNER_READS, True, True, False, False),
    (OWNER, True, True, True, True),
    (ADMIN_READS, True, False, False, False),
    (ADMIN, True, True, True, True),
]


@pytest.mark.parametrize(("asker", "public", "private", "writes", "creates"), TABLE)
def test_rights(tx: Transaction, asker: Identity, public: bool, private: bool, writes: bool, creates: bool) -> None:
    open_one = repositories.create(tx, RepoId("Ada", "open"), private=False, now=NOW)
    closed = replace(open_one, private=True)
    assert rights.may_read(asker, open_one) == public
    assert rights.may_read(asker, closed) == private
    assert rights.may_write(asker, open_one) == rights.may_write(asker, closed) == writes
    assert rights.may_create(asker, "Ada") == creates
    assert rights.may_administer(asker) == (asker is ADMIN)


@pytest.mark.parametrize("asker", [row[0] for row in TABLE])
def test_the_condition_in_the_database_is_the_same_rule(tx: Transaction, asker: Identity) -> None:
    for name, private in (("open", False), ("closed", True)):
        for namespace in ("Ada", "bob", "carl"):
            repositories.create(tx, RepoId(namespace, name), private=private, now=NOW)
    everything = repositories.listing(tx, ADMIN)
    rows = tx.execute(sa.select(tables.repositories.c.id).where(rights.readable(asker))).scalars()
    assert len(everything) == 6
    assert set(rows) == {one.id for one in everything if rights.may_read(asker, one)}


def test_the_writers_are_the_owner_and_the_administrators(tx: Transaction) -> None:
    people = [users.create(tx, name, now=NOW, is_admin=name == "root") for name in ("ADA", "bob", "root")]
    repository = repositories.create(tx, RepoId("ada", "open"), private=False, now=NOW)
    writers = set(tx.execute(rights.writers(repository)).scalars())
    assert writers == {one.id for one in people if rights.may_write(Identity(one, "write"), repository)}
    assert len(writers) == 2
