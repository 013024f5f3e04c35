"""The relational database: SQLite by default, PostgreSQL by configuration."""

from tukar.database.connect import Database, Transaction
from tukar.database.tables import metadata, settings

__all__ = ["Database", "Transaction", "metadata", "settings"]
