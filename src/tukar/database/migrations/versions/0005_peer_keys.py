"""Remember the keys that peers had, and what a swap handed over in short.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table of earlier keys, empty, and the column, NULL for swaps that have ended before."""
    op.create_table(
        "peer_keys",
        sa.Column("peer_id", _ROW_ID, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False, comment="in hex"),
        sa.ForeignKeyConstraint(["peer_id"], ["peers.id"], name=op.f("fk_peer_keys_peer_id_peers")),
        sa.PrimaryKeyConstraint("peer_id", "fingerprint", name=op.f("pk_peer_keys")),
        comment="the keys that peers had before, as their identity documents showed them",
    )
    op.create_index(op.f("ix_peer_keys_fingerprint"), "peer_keys", ["fingerprint"])
    comment = "JSON: what went and came, in short, once it is published; NULL before"
    op.add_column("swaps", sa.Column("handed_over", sa.Text(), comment=comment))
