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
from tukar.exchange import summaries, swaps
from tukar.exchange.offers import ACCEPTANCE, OFFER, Acceptance, Offer, Reference
from tukar.exchange.summaries import Undecided
from tukar.exchange.terms import Side, Terms
from tukar.signing import SigningKey, sign
from tukar.testing.receipts import made_item
from tukar.types import RepoId

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


def _upgrade(tx: sa.Connection, revision: str) -> None:
    config = Config(attributes={"connection": tx})
    config.set_main_option("script_location", "tukar.database:migrations")
    command.upgrade(config, revision)


def test_rows_of_the_first_schema_stay(empty: Database):
    with empty.write() as tx:
        _upgrade(tx, "0001")
        tx.exec_driver_sql("INSERT INTO packs VALUES ('ab', 'live', 7, 5, 3.0)")
    migrate(empty)
    with empty.read() as tx:
        assert tx.execute(sa.select(tukar.objects.tables.packs)).all() == [("ab", "live", 7, 5, 3.0, False, None)]


def test_objects_and_what_refers_to_them_stay(empty: Database):
    with empty.write() as tx:
        _upgrade(tx, "0007")
        tx.exec_driver_sql("INSERT INTO packs (id, state, size, content, changed_at) VALUES ('ab', 'live', 7, 5, 3.0)")
        columns = '(id, digest, kind, size, pack_id, "offset", stored_size, codec, block_size, meta, blocks)'
        for number in (3, 8):
            row = {"id": number, "digest": bytes([number]) * 32}
            values = "(:id, :digest, 0, 9, 'ab', 4, 9, 1, 1024, :digest, :digest)"
            tx.execute(sa.text(f"INSERT INTO objects {columns} VALUES {values}"), row)
        columns = "(id, sha256, size, format, manifest_id, created_at)"
        tx.exec_driver_sql(f"INSERT INTO files {columns} VALUES (1, 'cd', 9, 'raw', 8, 3.0)")
        tx.exec_driver_sql("INSERT INTO parts (file_id, position, start, length, object_id) VALUES (1, 0, 0, 9, 3)")
        tx.exec_driver_sql("INSERT INTO damages (object_id, found_at) VALUES (3, 5.0)")
    migrate(empty)
    tables = tukar.objects.tables
    with empty.read() as tx:
        found = tx.execute(sa.select(tables.objects).order_by(tables.objects.c.id)).all()
        assert tx.execute(sa.select(tables.damages)).all() == [(3, 5.0)]
        assert tx.execute(sa.select(tables.parts)).all() == [(1, 0, 0, 9, 3)]
        assert tx.scalar(sa.select(tables.files.c.manifest_id)) == 8
    digests = [bytes([number]) * 32 for number in (3, 8)]
    row = (0, 9, "ab", 4, 9, 1, 1024)
    assert found == [(digest[0], digest, *row, digest, digest, None, 0) for digest in digests]
    assert empty.faults() == []
    assert not {name for name in _names(empty) if name.startswith("kept")}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_no_id_of_an_object_is_given_twice(empty: Database):
    with empty.write() as tx:
        _upgrade(tx, "0007")
        tx.exec_driver_sql("INSERT INTO packs (id, state, size, content, changed_at) VALUES ('ab', 'live', 7, 5, 3.0)")
        columns = '(id, digest, kind, size, pack_id, "offset", stored_size, codec, block_size, meta, blocks)'
        tx.exec_driver_sql(f"INSERT INTO objects {columns} VALUES (8, x'08', 0, 9, 'ab', 4, 9, 1, 1024, x'', x'')")
    migrate(empty)
    with empty.write() as tx:
        tx.exec_driver_sql("DELETE FROM objects")
        columns = columns.replace("id, ", "", 1)
        tx.exec_driver_sql(f"INSERT INTO objects {columns} VALUES (x'09', 0, 9, 'ab', 4, 9, 1, 1024, x'', x'')")
        assert tx.exec_driver_sql("SELECT id FROM objects").scalar_one() == 9


ONE, OTHER = SigningKey.generate(), SigningKey.generate()
ITEM = made_item("Far/Base", {"README.md": b"x"})


def offer_of(number: int) -> Offer:
    asked = (Reference(RepoId("near", "child"), "main"),)
    return Offer(ONE.public, OTHER.public, f"{number:032x}", 1, 9 + number, (ITEM,), asked, "n" * 400)


def put(tx: sa.Connection, offer: Offer, role: str, state: str, *, accepted: bool = False) -> None:
    """A swap as it was stored before its statements were apart."""
    made = Acceptance(offer.swap, (made_item("near/child", {"README.md": b"y"}),))
    row = {
        "id": offer.swap,
        "peer_id": 1,
        "role": role,
        "state": state,
        "reason": "",
        "targets": "[]",
        "moved": "[]",
        **dict.fromkeys(("arrived", "signed", "settled"), False),
        "offer": sign(OFFER, offer.payload(), ONE).encode(),
        "acceptance": sign(ACCEPTANCE, made.payload(), OTHER).encode() if accepted else None,
        "created_at": 1.0 + offer.expires_at,
        "changed_at": 1.0,
    }
    table = sa.table("swaps", *(sa.column(name) for name in row))
    tx.execute(table.insert().values(**row))


def test_swaps_keep_what_was_signed_and_get_their_offers_in_short(empty: Database):
    kinds = [
        ("acceptor", "offered", False),
        ("acceptor", "accepted", True),
        ("acceptor", "refused", False),
        ("acceptor", "cancelled", True),
        ("offerer", "cancelled", False),
        ("offerer", "offered", False),
    ]
    offers = [offer_of(number) for number in range(len(kinds))]
    with empty.write() as tx:
        _upgrade(tx, "0005")
        peer = "VALUES (1, 'far', 'http://far.test', 'f', 'k', 'trusted', 1.0)"
        tx.exec_driver_sql(f"INSERT INTO peers (id, name, url, fingerprint, public_key, state, added_at) {peer}")
        for number, name in ((7, "near', 'child"), (8, "far', 'base")):
            columns = "(id, type, namespace, name, private, created_at, updated_at)"
            tx.exec_driver_sql(f"INSERT INTO repositories {columns} VALUES ({number}, 'model', '{name}', false, 1, 1)")
        for offer, (role, state, accepted) in zip(offers, kinds, strict=True):
            put(tx, offer, role, state, accepted=accepted)
    migrate(empty)
    with empty.read() as tx:
        found = [swaps.get(tx, offer.swap) for offer in offers]
        listed = summaries.summaries(tx)
        undecided = summaries.count_undecided(tx, 1, since=offers[0].expires_at + 1.0)
        receipts = tukar.exchange.tables.receipt_repositories
        attached = {tuple(row) for row in tx.execute(sa.select(receipts))}
    names = (Side((RepoId("Far", "Base"),), 1), Side((RepoId("near", "child"),), 1))
    for record, offer in zip(found, offers, strict=True):
        keys = (str(ONE.public), str(OTHER.public))
        assert record.terms == Terms(*keys, *names, "n" * 300, offer.nonce, offer.expires_at)
    assert [record.offer_envelope is not None for record in found] == [True, True, False, True, True, True]
    assert [record.acceptance is not None for record in found if record.offer_envelope] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert found[0].offer == offers[0]
    assert undecided == Undecided(1, len(sign(OFFER, offers[0].payload(), ONE).encode()), recent=1, spent=1)
    assert [line.id for line in listed] == [offer.swap for offer in reversed(offers)]
    # Those that an open swap hands over, by the names that they have now.
    assert attached == {(offers[1].swap, 7), (offers[5].swap, 8)}


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
