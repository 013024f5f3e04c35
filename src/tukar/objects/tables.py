"""The tables of the object store. All of it is an index: it can be rebuilt from the packs alone."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    false,
)

from tukar.database import RowId, metadata

packs = Table(
    "packs",
    metadata,
    Column("id", Text, primary_key=True, comment="32 random hex digits; the storage key follows from it"),
    Column("state", Text, nullable=False, comment="landing | live | dead | stray"),
    Column("size", BigInteger, nullable=False, comment="bytes in the storage; 0 while landing"),
    Column("content", BigInteger, nullable=False, comment="of these, bytes of stored blocks"),
    Column("changed_at", Float, nullable=False, comment="when it came into this state"),
    Column(
        "damaged", Boolean, nullable=False, server_default=false(), comment="whether the last check found a fault in it"
    ),
    Column("superseded_at", Float, comment="when objects in it were last encoded anew elsewhere; NULL if none were"),
)

objects = Table(
    "objects",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True, comment="BLAKE3 of the raw bytes"),
    Column("kind", SmallInteger, nullable=False, comment="0 content, 1 manifest"),
    Column("size", BigInteger, nullable=False, comment="raw bytes"),
    Column("pack_id", Text, ForeignKey("packs.id"), nullable=False, index=True),
    Column("offset", BigInteger, nullable=False, comment="of the first stored block in the pack"),
    Column("stored_size", BigInteger, nullable=False, comment="bytes of all stored blocks"),
    Column("codec", SmallInteger, nullable=False),
    Column("block_size", Integer, nullable=False, comment="raw bytes a block; the last may be shorter"),
    Column("meta", LargeBinary, nullable=False, comment="the codec's own"),
    Column("blocks", LargeBinary, nullable=False, comment="the block table, as in the pack's footer"),
    Column("bases", LargeBinary, comment="digests of what decoding it takes; NULL if that is nothing"),
    Column("depth", SmallInteger, nullable=False, server_default="0", comment="more than that of each base"),
    # As with files, below: repacking knows an object by its id while gc frees others.
    sqlite_autoincrement=True,
)

bases = Table(
    "bases",
    metadata,
    Column("object_id", ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("base_id", ForeignKey("objects.id"), primary_key=True, index=True, autoincrement=False),
    comment="which objects decoding an object takes, as in its column bases: they stay as long as it does",
)

sketches = Table(
    "sketches",
    metadata,
    Column("object_id", ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False, comment="code of its elements"),
    Column("size", BigInteger, nullable=False, comment="raw bytes"),
    Column("orders", LargeBinary, nullable=False, comment="comparisons between elements of the sample"),
    Column("sample", LargeBinary, nullable=False, comment="of its elements"),
    comment="of tensors that repacking has looked at: what their relatives are found by",
)

damages = Table(
    "damages",
    metadata,
    Column("object_id", ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("found_at", Float, nullable=False),
    comment="objects that a check found damaged",
)

files = Table(
    "files",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("format", Text, nullable=False),
    Column("manifest_id", ForeignKey("objects.id"), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("condemned_at", Float, comment="when gc found that nothing needs it; NULL while something does"),
    Column("repacked_at", Float, index=True, comment="when its tensors were encoded anew; NULL before"),
    # A freed file's id is not given to another: whoever still reads the old one must not meet its successor.
    sqlite_autoincrement=True,
)

parts = Table(
    "parts",
    metadata,
    Column("file_id", ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("start", BigInteger, nullable=False, comment="offset in the file"),
    Column("length", BigInteger, nullable=False),
    Column("object_id", ForeignKey("objects.id"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

holders = Table(
    "holders",
    metadata,
    Column("owner", Text, primary_key=True, comment="for whom something is kept: a push, a swap"),
    Column("touched_at", Float, nullable=False, comment="when something last came"),
)

held_objects = Table(
    "held_objects",
    metadata,
    Column("owner", ForeignKey("holders.owner", ondelete="CASCADE"), primary_key=True),
    Column("object_id", ForeignKey("objects.id"), primary_key=True, index=True),
)

held_files = Table(
    "held_files",
    metadata,
    Column("owner", ForeignKey("holders.owner", ondelete="CASCADE"), primary_key=True),
    Column("file_id", ForeignKey("files.id"), primary_key=True, index=True),
)

Index(None, files.c.condemned_at)
Index(None, sketches.c.kind, sketches.c.size)
Index(None, parts.c.file_id, parts.c.start)
