"""What the catalogue needs kept: queries of file ids, for garbage collection."""

from __future__ import annotations

import sqlalchemy as sa

from tukar.catalog import tables


def live_files() -> list[sa.Select[int]]:
    """The files that any commit of any repository links."""
    return [sa.select(tables.repository_files.c.file_id)]


def pending_files(since: float) -> sa.Select[int]:
    """The files that were sent at or after ``since`` and may yet be committed."""
    columns = tables.possessions.c
    return sa.select(columns.file_id).where(columns.pending, columns.at >= since)
