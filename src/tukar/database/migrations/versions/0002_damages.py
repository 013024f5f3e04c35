"""Note what a check found damaged.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table of damaged objects, and mark the packs that they are in."""
    comment = "whether the last check found a fault in it"
    damaged: sa.Column[bool] = sa.Column(
        "damaged", sa.Boolean(), nullable=False, server_default=sa.false(), comment=comment
    )
    op.add_column("packs", damaged)
    op.create_table(
        "damages",
        sa.Column("object_id", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("found_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["object_id"], ["objects.id"], name=op.f("fk_damages_object_id_objects"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_damages")),
        comment="objects that a check found damaged",
    )
