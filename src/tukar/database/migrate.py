"""Bring a database to the newest schema."""

from __future__ import annotations

from tukar.database.connect import Database
from tukar.database.tables import metadata


def migrate(database: Database) -> None:
    """Make or upgrade the tables."""
    metadata.create_all(database.engine)
