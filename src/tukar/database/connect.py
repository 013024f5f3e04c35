"""Connections and transactions.

One handle, ``Transaction``, spans what must happen together: a commit and everything that it makes reachable. A write
transaction sees no other writer: on SQLite it takes the write lock when it begins (``BEGIN IMMEDIATE``), on PostgreSQL
it takes one advisory lock, so that garbage collection and commits can reason as if they were alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from tukar.errors import Unavailable

Transaction = Connection

_WRITE: Final = "tukar_write"
_POSTGRES_WRITE_LOCK: Final = 0x74756B61  # "tuka"; any constant that no other program uses on this database


class Database:
    """A database by its SQLAlchemy URL, e.g. ``sqlite:////srv/tukar/database.sqlite``.

    Args:
        url: where it is.
        patience: seconds that a write transaction waits for another process's on SQLite; then Unavailable.
    """

    def __init__(self, url: str, patience: float = 60.0) -> None:
        self.engine = _engine(url, patience)
        # SQLite's own wait for the write lock polls; a lock of ours hands it over at once and in order.
        self._writing = threading.Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the database and changes nothing."""
        with _clear_errors(), self.engine.connect() as connection:
            if not self.is_sqlite:  # which knows no other; PostgreSQL's default shows each statement a state of its own
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                yield connection
                transaction.rollback()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """The one write transaction: committed, and on disk, when the context is left without an exception."""
        with _clear_errors(), self._writing, self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRES_WRITE_LOCK)))
                yield connection

    def faults(self) -> list[str]:
        """What the database's own check of itself finds: nothing, if all is well. PostgreSQL has no such check."""
        if not self.is_sqlite:
            return []
        with self.read() as tx:
            found = [row[0] for row in tx.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
            broken = tx.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [f"database: {fault}" for fault in found + [f"dangling reference {tuple(row)}" for row in broken]]

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def _engine(url: str, patience: float) -> Engine:
    engine = sa.create_engine(url, pool_size=8, max_overflow=64)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, patience))
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(patience: float, connection: sa.engine.interfaces.DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: it would begin them deferred, and a deferred transaction that
    # writes after another has written fails instead of waiting.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: in WAL mode the default (NORMAL) would lose the last commits in a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16384")  # KiB, for each connection
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable(
            f"the database cannot be used now: {error.orig}",
            hint="see that its disk is not full, that it is reachable and that nothing else holds it; then try again",
        ) from error
