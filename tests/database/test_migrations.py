"""The migration scripts make what the packages declare, all or nothing, and refuse what they do not know."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import tukar.cas.tables
import tukar.catalog.tables
import tukar.exchange.tables
import tukar.jobs.tables
import tukar.objects.tables
from tukar.database import Database, facts, metadata
from tukar.database.migrate import HEAD, migrate
from tukar.errors import Unsupported

_PACKAGES = (
    tukar.objects.tables,
    tukar.catalog.tables,
    tukar.cas.tables,
    tukar.exchange.tables,
    tukar.jobs.tables,
)


def test_head_is_the_newest_script():
    config = Config()
    config.set_main_option("script_location", "tukar.database:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_packages_declare_what_the_scripts_make(empty: Database):
    migrate(empty)
    assert all(metadata.tables[table.name] is table for module in _PACKAGES for table in _tables_of(module))
    with empty.read() as tx, warnings.catch_warnings():
        # Indexes on expressions: SQLite's are compared below, by their text.
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based index")
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(tx, opts=options), metadata) == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_scripts_text_is_that_of_the_declarations(empty: Database, tmp_path):
    """The comparison above does not see WITHOUT ROWID, AUTOINCREMENT, the order of a key or an index's expressions."""
    migrate(empty)
    declared = Database(f"sqlite:///{tmp_path}/declared.sqlite")
    metadata.create_all(declared.engine)
    assert _schema(empty) == _schema(declared)
    declared.close()


def test_migrating_twice_changes_nothing(empty: Database):
    migrate(empty)
    with empty.write() as tx:
        facts.put(tx, "signing", "secret")
    before = _names(empty)
    migrate(empty)
    assert _names(empty) == before
    with empty.read() as tx:
        assert facts.get(tx, "signing") == "secret"


def test_a_migration_that_fails_leaves_nothing(empty: Database):
    class Crash(Exception):
        pass

    def crash(connection, cursor, statement, *_):
        if "CREATE TABLE jobs" in statement:  # the last of them
            raise Crash

    sa.event.listen(empty.engine, "before_cursor_execute", crash)
    with pytest.raises(Crash):
        migrate(empty)
    assert _names(empty) == set()
    sa.event.remove(empty.engine, "before_cursor_execute", crash)
    migrate(empty)
    assert {"jobs", "settings", "alembic_version"} <= _names(empty)


def test_a_newer_schema_is_refused(empty: Database):
    migrate(empty)
    with empty.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unsupported, match="'9999'") as refused:
        migrate(empty)
    assert "newer version of Tukar" in refused.value.hint


def test_rows_of_the_first_schema_stay(empty: Database):
    with empty.write() as tx:
        config = Config(attributes={"connection": tx})
        config.set_main_option("script_location", "tukar.database:migrations")
        command.upgrade(config, "0001")
        tx.exec_driver_sql("INSERT INTO packs VALUES ('ab', 'live', 7, 5, 3.0)")
    migrate(empty)
    with empty.read() as tx:
        assert tx.execute(sa.select(tukar.objects.tables.packs)).all() == [("ab", "live", 7, 5, 3.0, False)]


@pytest.mark.parametrize("version_table", [False, True])
def test_tables_of_no_known_version_are_refused(empty: Database, version_table: bool):
    with empty.write() as tx:
        tx.exec_driver_sql("CREATE TABLE settings (key TEXT, value TEXT)")
        if version_table:
            tx.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
    before = _names(empty)
    with pytest.raises(Unsupported, match="not the version of their schema"):
        migrate(empty)
    assert _names(empty) == before


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_start_with_nothing_to_migrate_does_not_import_alembic(empty: Database, url: str):
    migrate(empty)
    program = (
        "import sys, tukar.hub; from tukar.database import Database; from tukar.database.migrate import migrate; "
        "migrate(Database(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, url], check=True)


def _tables_of(module: object) -> list[sa.Table]:
    return [value for value in vars(module).values() if isinstance(value, sa.Table)]


def _names(database: Database) -> set[str]:
    with database.read() as tx:
        return set(sa.inspect(tx).get_table_names())


def _schema(database: Database) -> dict[str, list[str]]:
    """The text of every table and index, line by line; constraints sorted, as their order has no meaning."""
    with database.read() as tx:
        rows = tx.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    return {name: _lines(sql) for name, sql in rows if name != "alembic_version"}


def _lines(sql: str) -> list[str]:
    # SQLite writes a column that was added behind the one before it.
    lines = [part.strip(" \t,") for line in sql.splitlines() for part in re.split(r", (?![^()]*\))", line)]
    return sorted(filter(None, lines), key=lambda line: line if line.startswith("CONSTRAINT") else "")
