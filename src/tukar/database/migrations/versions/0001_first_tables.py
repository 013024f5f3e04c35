"""Every table of version 1.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    _settings()
    _packs()
    _objects()
    _files()
    _parts()
    _users()
    _tokens()
    _repositories()
    _commits()
    _refs()
    _tree_entries()
    _repository_files()
    _possessions()
    _xorbs()
    _xorb_senders()
    _xorb_spans()
    _xet_files()
    _jobs()


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
        comment="facts of this hub that must survive a restart: the store's id, its signing secret",
    )


def _packs() -> None:
    op.create_table(
        "packs",
        sa.Column("id", sa.Text(), nullable=False, comment="32 random hex digits; the storage key follows from it"),
        sa.Column("state", sa.Text(), nullable=False, comment="landing | live | dead | stray"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes in the storage; 0 while landing"),
        sa.Column("content", sa.BigInteger(), nullable=False, comment="of these, bytes of stored blocks"),
        sa.Column("changed_at", sa.Float(), nullable=False, comment="when it came into this state"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packs")),
    )


def _objects() -> None:
    op.create_table(
        "objects",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False, comment="BLAKE3 of the raw bytes"),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="0 content, 1 manifest"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="raw bytes"),
        sa.Column("pack_id", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False, comment="of the first stored block in the pack"),
        sa.Column("stored_size", sa.BigInteger(), nullable=False, comment="bytes of all stored blocks"),
        sa.Column("codec", sa.SmallInteger(), nullable=False),
        sa.Column("block_size", sa.Integer(), nullable=False, comment="raw bytes a block; the last may be shorter"),
        sa.Column("meta", sa.LargeBinary(), nullable=False, comment="the codec's own"),
        sa.Column("blocks", sa.LargeBinary(), nullable=False, comment="the block table, as in the pack's footer"),
        sa.ForeignKeyConstraint(["pack_id"], ["packs.id"], name=op.f("fk_objects_pack_id_packs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objects")),
        sa.UniqueConstraint("digest", name=op.f("uq_objects_digest")),
    )
    op.create_index(op.f("ix_objects_pack_id"), "objects", ["pack_id"])


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("manifest_id", _ROW_ID, nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("condemned_at", sa.Float(), comment="when gc found that nothing needs it; NULL while something does"),
        sa.ForeignKeyConstraint(["manifest_id"], ["objects.id"], name=op.f("fk_files_manifest_id_objects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("sha256", name=op.f("uq_files_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_files_condemned_at"), "files", ["condemned_at"])
    op.create_index(op.f("ix_files_manifest_id"), "files", ["manifest_id"])


def _parts() -> None:
    op.create_table(
        "parts",
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="offset in the file"),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("object_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_parts_file_id_files"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["object_id"], ["objects.id"], name=op.f("fk_parts_object_id_objects")),
        sa.PrimaryKeyConstraint("file_id", "position", name=op.f("pk_parts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_parts_file_id_start"), "parts", ["file_id", "start"])
    op.create_index(op.f("ix_parts_object_id"), "parts", ["object_id"])


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="user | organization"),
        sa.Column("fullname", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_users_name_lower", "users", [sa.text("lower(name)")], unique=True)


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("user_id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="read | write"),
        sa.Column("hash", sa.Text(), nullable=False, comment="sha256 of the token; the token itself is not kept"),
        sa.Column(
            "hint", sa.Text(), nullable=False, comment="its last four characters, for people to tell tokens apart"
        ),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_tokens_user_id_name")),
        sqlite_autoincrement=True,
    )


def _repositories() -> None:
    op.create_table(
        "repositories",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False, comment="model | dataset | space"),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False, comment="when a commit last changed it"),
        sa.Column("card", sa.Text(), comment="the card's metadata as JSON, of the head of main"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_repositories_created_at_id"), "repositories", ["created_at", "id"])
    op.create_index(op.f("ix_repositories_updated_at_id"), "repositories", ["updated_at", "id"])
    op.create_index(
        "uq_repositories_type_namespace_name_lower",
        "repositories",
        ["type", sa.text("lower(namespace)"), sa.text("lower(name)")],
        unique=True,
    )


def _commits() -> None:
    op.create_table(
        "commits",
        sa.Column("repository_id", _ROW_ID, nullable=False),
        sa.Column("oid", sa.Text(), nullable=False, comment="git's id, 40 hex digits"),
        sa.Column("parent_oid", sa.Text()),
        sa.Column("tree_oid", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_commits_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "oid", name=op.f("pk_commits")),
    )


def _refs() -> None:
    op.create_table(
        "refs",
        sa.Column("repository_id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="in full: refs/heads/main"),
        sa.Column("commit_oid", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id", "commit_oid"],
            ["commits.repository_id", "commits.oid"],
            name=op.f("fk_refs_repository_id_commit_oid_commits"),
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_refs_repository_id_repositories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_refs")),
    )


def _tree_entries() -> None:
    op.create_table(
        "tree_entries",
        sa.Column("repository_id", _ROW_ID, nullable=False),
        sa.Column("tree_oid", sa.Text(), nullable=False, comment="git's id of the folder that it is in"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="file | folder"),
        sa.Column("oid", sa.Text(), nullable=False, comment="git's id; an LFS file's is that of its pointer"),
        sa.Column("sha256", sa.Text(), comment="of a file's bytes; NULL for a folder"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("lfs", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_tree_entries_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "tree_oid", "name", name=op.f("pk_tree_entries")),
        sqlite_with_rowid=False,
    )


def _repository_files() -> None:
    op.create_table(
        "repository_files",
        sa.Column("repository_id", _ROW_ID, nullable=False),
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_repository_files_file_id_files")),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_repository_files_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "file_id", name=op.f("pk_repository_files")),
        comment="every file that any commit of the repository links",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_repository_files_file_id"), "repository_files", ["file_id"])


def _possessions() -> None:
    op.create_table(
        "possessions",
        sa.Column("user_id", _ROW_ID, nullable=False),
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False, comment="when they last sent it"),
        sa.Column(
            "pending", sa.Boolean(), nullable=False, comment="whether they sent it and have not committed it since"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_possessions_file_id_files"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_possessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "file_id", name=op.f("pk_possessions")),
        comment="who sent which bytes to this hub, and so may link them",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_possessions_file_id"), "possessions", ["file_id"])
    op.create_index(op.f("ix_possessions_pending_at"), "possessions", ["pending", "at"])


def _xorbs() -> None:
    op.create_table(
        "xorbs",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("chunks", sa.LargeBinary(), nullable=False, comment="hash and raw length of each chunk"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xorbs")),
        sa.UniqueConstraint("hash", name=op.f("uq_xorbs_hash")),
    )


def _xorb_senders() -> None:
    op.create_table(
        "xorb_senders",
        sa.Column("xorb_id", _ROW_ID, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["xorb_id"], ["xorbs.id"], name=op.f("fk_xorb_senders_xorb_id_xorbs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("xorb_id", "user_id", name=op.f("pk_xorb_senders")),
        comment="who sent a xorb, and so may name it in a shard",
    )


def _xorb_spans() -> None:
    op.create_table(
        "xorb_spans",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("xorb_id", _ROW_ID, nullable=False),
        sa.Column("chunk_start", sa.Integer(), nullable=False),
        sa.Column("chunk_stop", sa.Integer(), nullable=False, comment="exclusive"),
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False, comment="of the first of these chunks in the file"),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_xorb_spans_file_id_files"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["xorb_id"], ["xorbs.id"], name=op.f("fk_xorb_spans_xorb_id_xorbs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xorb_spans")),
        comment="which stored file holds which chunks of a xorb",
    )
    op.create_index(op.f("ix_xorb_spans_file_id"), "xorb_spans", ["file_id"])
    op.create_index(op.f("ix_xorb_spans_xorb_id_chunk_start"), "xorb_spans", ["xorb_id", "chunk_start"])


def _xet_files() -> None:
    op.create_table(
        "xet_files",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="who put it together so"),
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.Column(
            "terms", sa.LargeBinary(), nullable=False, comment="the runs of chunks that the file is put together from"
        ),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_xet_files_file_id_files"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", "user_id", name=op.f("pk_xet_files")),
    )
    op.create_index(op.f("ix_xet_files_file_id"), "xet_files", ["file_id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="which handler does it"),
        sa.Column(
            "payload",
            sa.Text(),
            nullable=False,
            comment="the handler's arguments: a JSON object, keys sorted, no spaces",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="queued | running | done | failed | cancelled"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="higher goes first"),
        sa.Column("run_at", sa.Float(), nullable=False, comment="not before"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), comment="when it was last claimed"),
        sa.Column("finished_at", sa.Float(), comment="when it became done, failed or cancelled"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="begun and not given back unfinished"),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column(
            "fence", sa.BigInteger(), nullable=False, comment="grows with every claim: tells this claim from all before"
        ),
        sa.Column("lease_owner", sa.Text(), comment="who runs it; NULL unless it is running"),
        sa.Column("leased_until", sa.Float(), comment="when others may take it over; NULL unless it is running"),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False, comment="the one who runs it is to stop"),
        sa.Column("progress_done", sa.BigInteger(), nullable=False),
        sa.Column("progress_total", sa.BigInteger(), comment="NULL if it is not known"),
        sa.Column("progress_note", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), comment="JSON; NULL unless it is done"),
        sa.Column("error", sa.Text(), comment="why the last attempt failed; NULL once it is done"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_claim", "jobs", ["state", sa.text("priority DESC"), "run_at", "id"])
    op.create_index(op.f("ix_jobs_finished_at"), "jobs", ["finished_at"])
    op.create_index(op.f("ix_jobs_kind_state"), "jobs", ["kind", "state"])
