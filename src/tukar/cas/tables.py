"""The tables of the Xet service. Hashes are raw bytes; users are row ids of the catalogue's."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table

from tukar.database import RowId, metadata

xorbs = Table(
    "xorbs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("chunks", LargeBinary, nullable=False, comment="hash and raw length of each chunk"),
    Column("created_at", Float, nullable=False),
)

xorb_senders = Table(
    "xorb_senders",
    metadata,
    Column("xorb_id", ForeignKey("xorbs.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", BigInteger, primary_key=True),
    comment="who sent a xorb, and so may name it in a shard",
)

xorb_spans = Table(
    "xorb_spans",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("xorb_id", ForeignKey("xorbs.id", ondelete="CASCADE"), nullable=False),
    Column("chunk_start", Integer, nullable=False),
    Column("chunk_stop", Integer, nullable=False, comment="exclusive"),
    Column("file_id", ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("offset", BigInteger, nullable=False, comment="of the first of these chunks in the file"),
    comment="which stored file holds which chunks of a xorb",
)
Index(None, xorb_spans.c.xorb_id, xorb_spans.c.chunk_start)

# One row for each sender: that a file came through Xet, and from which xorbs, is shown where its sender may write, so
# that nobody learns from it what others have sent.
xet_files = Table(
    "xet_files",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("user_id", BigInteger, primary_key=True, comment="who put it together so"),
    Column("file_id", ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("terms", LargeBinary, nullable=False, comment="the runs of chunks that the file is put together from"),
)
