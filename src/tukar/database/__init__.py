"""The relational database: SQLite by default, PostgreSQL by configuration."""

from tukar.database.connect import Database, Transaction
from tukar.database.tables import RowId, metadata, settings

__all__ = ["Database", "RowId", "Transaction", "metadata", "settings"]
