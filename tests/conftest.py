"""What tests of every package share: a database of each kind."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa

import tukar.hub
from tukar.database import Database, metadata
from tukar.database.migrate import migrate

_TABLES = (
    "tukar.objects.tables",
    "tukar.catalog.tables",
    "tukar.cas.tables",
    "tukar.exchange.tables",
    "tukar.jobs.tables",
)

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session", autouse=True)
def _migrations_once() -> Iterator[None]:
    """Run the migrations for the first new hub alone, and repeat for others what they made of an empty SQLite file.

    Alembic takes half the time of many a test otherwise. Its own tests, and hubs in processes, do without this.
    """
    statements: list[str] = []

    def quick(database: Database) -> None:
        with database.write() as tx:
            is_new = database.engine.dialect.name == "sqlite" and not sa.inspect(tx).get_table_names()
            for statement in statements if is_new else ():
                tx.exec_driver_sql(statement)
        migrate(database)
        if is_new and not statements:
            with database.read() as tx:
                dump = list(tx.connection.driver_connection.iterdump())
            statements.extend(dump[1:-1])  # without the transaction around them

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tukar.hub, "migrate", quick)
        yield


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: an fsync costs nothing there, and simulated power cuts need no disk."""
    if not os.access(_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="tukar-") as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with every table, once on SQLite and once on PostgreSQL."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    else:
        url = f"sqlite:///{tmp_path}/database.sqlite"
    for module in _TABLES:
        import_module(module)
    database = Database(url)
    with database.engine.begin() as connection:
        metadata.create_all(connection)
        if request.param == "postgresql":  # the server is that of the tests before
            names = ", ".join(table.name for table in metadata.sorted_tables)
            connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, reached by a socket in a temporary folder."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed")
    # Not below pytest's folder: a socket's path has at most 107 bytes, and that folder is its owner's alone.
    folder = Path(_run("mktemp", "-d", "/tmp/tukar-postgresql-XXXXXX").stdout.strip())
    data, options = folder / "data", f"-c listen_addresses='' -c fsync=off -k {folder}"
    _run("initdb", "-D", data, "-U", "tukar", "-A", "trust", "-E", "UTF8", "--no-sync")
    _run("pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
    try:
        yield f"postgresql+psycopg://tukar@/postgres?host={folder}"
    finally:
        _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    # PostgreSQL refuses to run as root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    arguments = [*prefix, *(str(part) for part in command)]
    return subprocess.run(arguments, cwd="/", check=True, text=True, stdout=subprocess.PIPE, stderr=None)
