"""Adds rows to an SQLite database, one transaction each, and lets its log be taken over now and then.

python -m faults.workloads.rows ROOT SYNCHRONOUS COUNT
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from ..powercut import mark


def main(root: Path, synchronous: str, count: int) -> None:
    connection = sqlite3.connect(root / "db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 8")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, content BLOB)")
    mark(root, "table")
    for number in range(count):
        connection.execute("INSERT INTO rows VALUES (?, ?)", (number, content(number)))
        mark(root, f"row {number}")
    connection.close()


def content(number: int) -> bytes:
    return bytes([number % 251]) * (1000 + 700 * (number % 5))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
