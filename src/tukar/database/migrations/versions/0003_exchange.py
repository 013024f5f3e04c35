"""Make the tables of the exchange between hubs.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    _holders()
    _held_objects()
    _held_files()


def _holders() -> None:
    op.create_table(
        "holders",
        sa.Column("owner", sa.Text(), nullable=False, comment="for whom something is kept: a push, a swap"),
        sa.Column("touched_at", sa.Float(), nullable=False, comment="when something last came"),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_holders")),
    )


def _held_objects() -> None:
    op.create_table(
        "held_objects",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("object_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["objects.id"], name=op.f("fk_held_objects_object_id_objects")),
        sa.ForeignKeyConstraint(
            ["owner"], ["holders.owner"], name=op.f("fk_held_objects_owner_holders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner", "object_id", name=op.f("pk_held_objects")),
    )
    op.create_index(op.f("ix_held_objects_object_id"), "held_objects", ["object_id"])


def _held_files() -> None:
    op.create_table(
        "held_files",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_held_files_file_id_files")),
        sa.ForeignKeyConstraint(
            ["owner"], ["holders.owner"], name=op.f("fk_held_files_owner_holders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner", "file_id", name=op.f("pk_held_files")),
    )
    op.create_index(op.f("ix_held_files_file_id"), "held_files", ["file_id"])
