"""Let people log in to the pages.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table of sessions. They end with the token that they were begun with."""
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text(), nullable=False, comment="sha256 of the secret in the browser's cookie"),
        sa.Column("token_id", _ROW_ID, nullable=False, comment="the token that it was begun with, and ends with"),
        sa.Column("begun_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False, comment="when it was last used, to within some minutes"),
        sa.ForeignKeyConstraint(
            ["token_id"], ["tokens.id"], name=op.f("fk_sessions_token_id_tokens"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_token_id"), "sessions", ["token_id"])
