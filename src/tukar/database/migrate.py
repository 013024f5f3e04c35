"""Bring a database to the newest schema."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tukar.database.connect import Database, Transaction
from tukar.errors import Unsupported

HEAD: Final = "0008"
"""The newest script of ``migrations``, known here so that a start that has nothing to do need not import Alembic."""

_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.Text))


def migrate(database: Database) -> None:
    """Make or upgrade the tables, all in one write transaction.

    Unsupported, and nothing is changed, if a newer version of Tukar or something else made the tables.
    """
    with database.read() as tx:
        revision = _revision(tx)
    if revision == HEAD:
        return
    with database.write() as tx:
        revision = _revision(tx)
        if revision != HEAD:  # another process may have been faster
            _upgrade(tx, revision)


def _revision(tx: Transaction) -> str | None:
    """The script that made the tables; None if there are no tables."""
    names = set(sa.inspect(tx).get_table_names())
    revision: str | None = tx.scalar(sa.select(_VERSION.c.version_num)) if _VERSION.name in names else None
    if revision is None and names - {_VERSION.name}:
        raise Unsupported(
            "the database has tables, but not the version of their schema: no release of Tukar made them",
            hint="give Tukar a data folder, or a PostgreSQL database, of its own; what a build from before the first "
            "release holds has to be published anew",
        )
    return revision


def _upgrade(tx: Transaction, revision: str | None) -> None:
    # Here and not above: importing it takes longer than everything else that a start does with the database.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": tx})
    config.set_main_option("script_location", "tukar.database:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise Unsupported(
            f"the database has schema {revision[:40]!r}; this version of Tukar knows none after {HEAD!r}",
            hint="use the newer version of Tukar that wrote it, or restore a backup from before the upgrade",
        )
    command.upgrade(config, "head")
