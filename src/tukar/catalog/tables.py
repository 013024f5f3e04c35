"""The tables of the catalogue.

Names (of users and repositories) keep the case that they were created with and are unique without it; they are ASCII,
so that ``lower`` means the same to every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from tukar.database import RowId, metadata

# Ids of users and repositories are never given out again: what still remembers one must not meet its successor.
users = Table(
    "users",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="user | organization"),
    Column("fullname", Text, nullable=False),
    Column("email", Text),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    sqlite_autoincrement=True,
)
Index("uq_users_name_lower", func.lower(users.c.name), unique=True)

tokens = Table(
    "tokens",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False, comment="read | write"),
    Column("hash", Text, nullable=False, unique=True, comment="sha256 of the token; the token itself is not kept"),
    Column("hint", Text, nullable=False, comment="its last four characters, for people to tell tokens apart"),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True, comment="sha256 of the secret in the browser's cookie"),
    Column(
        "token_id",
        ForeignKey("tokens.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="the token that it was begun with, and ends with",
    ),
    Column("begun_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False, comment="when it was last used, to within some minutes"),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("type", Text, nullable=False, comment="model | dataset | space"),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False, comment="when a commit last changed it"),
    Column("card", Text, comment="the card's metadata as JSON, of the head of main"),
    sqlite_autoincrement=True,
)
Index(
    "uq_repositories_type_namespace_name_lower",
    repositories.c.type,
    func.lower(repositories.c.namespace),
    func.lower(repositories.c.name),
    unique=True,
)
Index(None, repositories.c.created_at, repositories.c.id)
Index(None, repositories.c.updated_at, repositories.c.id)

commits = Table(
    "commits",
    metadata,
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("oid", Text, primary_key=True, comment="git's id, 40 hex digits"),
    Column("parent_oid", Text),
    Column("tree_oid", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

refs = Table(
    "refs",
    metadata,
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True, comment="in full: refs/heads/main"),
    Column("commit_oid", Text, nullable=False),
    ForeignKeyConstraint(["repository_id", "commit_oid"], ["commits.repository_id", "commits.oid"]),
)

tree_entries = Table(
    "tree_entries",
    metadata,
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("tree_oid", Text, primary_key=True, comment="git's id of the folder that it is in"),
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="file | folder"),
    Column("oid", Text, nullable=False, comment="git's id; an LFS file's is that of its pointer"),
    Column("sha256", Text, comment="of a file's bytes; NULL for a folder"),
    Column("size", BigInteger, nullable=False),
    Column("lfs", Boolean, nullable=False),
    sqlite_with_rowid=False,  # the key is most of the row: do not keep it twice
)

# No cascade from files: it is this constraint that stops a gc with a bug from deleting what a commit needs.
repository_files = Table(
    "repository_files",
    metadata,
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("file_id", ForeignKey("files.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
    comment="every file that any commit of the repository links",
)

possessions = Table(
    "possessions",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("file_id", ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("at", Float, nullable=False, comment="when they last sent it"),
    Column("pending", Boolean, nullable=False, comment="whether they sent it and have not committed it since"),
    sqlite_with_rowid=False,
    comment="who sent which bytes to this hub, and so may link them",
)
Index(None, possessions.c.pending, possessions.c.at)
