"""The table of jobs: what is to be done, what is being done and by whom, and what came of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text

from tukar.database import RowId, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", Text, nullable=False, comment="which handler does it"),
    Column("payload", Text, nullable=False, comment="the handler's arguments: a JSON object, keys sorted, no spaces"),
    Column("state", Text, nullable=False, comment="queued | running | done | failed | cancelled"),
    Column("priority", Integer, nullable=False, comment="higher goes first"),
    Column("run_at", Float, nullable=False, comment="not before"),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float, comment="when it was last claimed"),
    Column("finished_at", Float, comment="when it became done, failed or cancelled"),
    Column("attempts", Integer, nullable=False, comment="begun and not given back unfinished"),
    Column("max_attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False, comment="grows with every claim: tells this claim from all before"),
    Column("lease_owner", Text, comment="who runs it; NULL unless it is running"),
    Column("leased_until", Float, comment="when others may take it over; NULL unless it is running"),
    Column("cancel_requested", Boolean, nullable=False, comment="the one who runs it is to stop"),
    Column("progress_done", BigInteger, nullable=False),
    Column("progress_total", BigInteger, comment="NULL if it is not known"),
    Column("progress_note", Text, nullable=False),
    Column("result", Text, comment="JSON; NULL unless it is done"),
    Column("error", Text, comment="why the last attempt failed; NULL once it is done"),
    # A deleted job's id is not given to another: whoever still holds the old claim must not match the new row.
    sqlite_autoincrement=True,
)

# The claim walks the due jobs in this order and takes the first.
Index("ix_jobs_claim", jobs.c.state, jobs.c.priority.desc(), jobs.c.run_at, jobs.c.id)
Index(None, jobs.c.kind, jobs.c.state)
Index(None, jobs.c.finished_at)
