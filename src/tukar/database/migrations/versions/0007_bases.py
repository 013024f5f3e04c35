"""Note which objects are stored as differences to others.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table: until now nothing is stored so."""
    comment = "digests of what decoding it takes; NULL if that is nothing"
    op.add_column("objects", sa.Column("bases", sa.LargeBinary(), comment=comment))
    comment = "more than that of each base"
    op.add_column("objects", sa.Column("depth", sa.SmallInteger(), nullable=False, server_default="0", comment=comment))
    op.create_table(
        "bases",
        sa.Column("object_id", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("base_id", _ROW_ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["object_id"], ["objects.id"], name=op.f("fk_bases_object_id_objects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["base_id"], ["objects.id"], name=op.f("fk_bases_base_id_objects")),
        sa.PrimaryKeyConstraint("object_id", "base_id", name=op.f("pk_bases")),
        comment="which objects decoding an object takes, as in its column bases: they stay as long as it does",
    )
    op.create_index(op.f("ix_bases_base_id"), "bases", ["base_id"])
