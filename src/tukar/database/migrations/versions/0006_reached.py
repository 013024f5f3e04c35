"""Remember when the other hub of a swap was last reached.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"


def upgrade() -> None:
    """Add the column, NULL: not known for swaps that went on before."""
    comment = "when the other hub last spoke of it; NULL before"
    op.add_column("swaps", sa.Column("reached_at", sa.Float(), comment=comment))
