"""Writers come one after another, a reader sees one state, and what goes wrong is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from tukar.database import Database, facts
from tukar.database.migrate import migrate
from tukar.errors import Unavailable

only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture
def database(empty: Database) -> Database:
    migrate(empty)
    return empty


@pytest.fixture
def other(database: Database, url: str) -> Iterator[Database]:
    """The same database as another process has it: nothing is shared but what is on disk."""
    handle = Database(url, patience=0.05 if database.is_sqlite else 60)
    yield handle
    handle.close()


def test_writers_exclude_each_other(database: Database, url: str):
    inside: list[str] = []

    def count(name: str) -> None:
        for _ in range(5):
            with handles[name].write() as tx:
                inside.append(name)
                facts.put(tx, "count", str(int(facts.get(tx, "count") or 0) + 1))
                assert inside == [name]
                inside.clear()

    # Two threads on each of two handles: threads of one process exclude each other by other means than processes do.
    handles = {name: handle for handle in (database, Database(url)) for name in (f"{id(handle)} a", f"{id(handle)} b")}
    with ThreadPoolExecutor(len(handles)) as threads:
        list(threads.map(count, handles))
    with database.read() as tx:
        assert facts.get(tx, "count") == "20"
    for handle in handles.values():
        handle.close()


def test_a_reader_sees_one_state_while_another_commits(database: Database, other: Database):
    with database.write() as tx:
        facts.put(tx, "name", "old")
    with database.read() as reading:
        assert facts.get(reading, "name") == "old"
        with other.write() as tx:
            facts.put(tx, "name", "new")
            facts.put(tx, "more", "new")
        assert (facts.get(reading, "name"), facts.get(reading, "more")) == ("old", None)
    with database.read() as tx:
        assert (facts.get(tx, "name"), facts.get(tx, "more")) == ("new", "new")


def test_a_reader_s_connection_still_writes_afterwards(database: Database):
    """The pool hands it to the next one without what was set for the reader."""
    with database.read() as tx:
        assert facts.get(tx, "name") is None
    with database.write() as tx:
        facts.put(tx, "name", "value")
    with database.read() as tx:
        assert facts.get(tx, "name") == "value"


def test_nothing_of_a_writer_that_fails_is_kept(database: Database):
    def fail() -> None:
        with database.write() as tx:
            facts.put(tx, "name", "value")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as tx:
        assert facts.get(tx, "name") is None


def test_what_a_reader_writes_is_not_kept(database: Database):
    with database.read() as tx:
        facts.put(tx, "name", "value")
    with database.read() as tx:
        assert facts.get(tx, "name") is None


@only_sqlite
def test_a_database_that_stays_locked_is_unavailable(database: Database, other: Database):
    with database.write(), pytest.raises(Unavailable, match="locked") as refused, other.write():
        pass
    assert refused.value.hint
    with other.write() as tx:  # and usable as soon as it is free
        facts.put(tx, "name", "value")


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="unable to open"), Database(f"sqlite:///{tmp_path}/none/db").read():
        pass


@only_sqlite
def test_references_are_enforced_and_dangling_ones_are_found(database: Database):
    insert = "INSERT INTO parts (file_id, position, start, length, object_id) VALUES (7, 0, 0, 1, 9)"
    with pytest.raises(sa.exc.IntegrityError), database.write() as tx:
        tx.exec_driver_sql(insert)
    assert database.faults() == []
    with sqlite3.connect(database.engine.url.database) as careless:  # without PRAGMA foreign_keys
        careless.execute(insert)
    careless.close()
    faults = database.faults()
    assert len(faults) == 2
    assert all("dangling reference ('parts'" in fault for fault in faults)
