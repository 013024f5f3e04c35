"""Note which objects are stored as differences to others, and what their relatives are found by.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"

_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the tables: until now nothing is stored so."""
    comment = "digests of what decoding it takes; NULL if that is nothing"
    op.add_column("objects", sa.Column("bases", sa.LargeBinary(), comment=comment))
    comment = "more than that of each base"
    op.add_column("objects", sa.Column("depth", sa.SmallInteger(), nullable=False, server_default="0", comment=comment))
    if op.get_bind().dialect.name == "sqlite":
        _give_ids_once()
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
    comment = "when its tensors were encoded anew; NULL before"
    op.add_column("files", sa.Column("repacked_at", sa.Float(), comment=comment))
    op.create_index(op.f("ix_files_repacked_at"), "files", ["repacked_at"])
    comment = "when objects in it were last encoded anew elsewhere; NULL if none were"
    op.add_column("packs", sa.Column("superseded_at", sa.Float(), comment=comment))
    op.create_table(
        "sketches",
        sa.Column("object_id", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="code of its elements"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="raw bytes"),
        sa.Column("orders", sa.LargeBinary(), nullable=False, comment="comparisons between elements of the sample"),
        sa.Column("sample", sa.LargeBinary(), nullable=False, comment="of its elements"),
        sa.ForeignKeyConstraint(
            ["object_id"], ["objects.id"], name=op.f("fk_sketches_object_id_objects"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_sketches")),
        comment="of tensors that repacking has looked at: what their relatives are found by",
    )
    op.create_index(op.f("ix_sketches_kind_size"), "sketches", ["kind", "size"])


def _give_ids_once() -> None:
    """Make ``objects`` anew, with AUTOINCREMENT: a freed object's id is not given to another from now on.

    What refers to its rows stays; only the rows of ``damages`` go with them, and are put back. SQLite sees at the end
    that nothing dangles: the rows that went with the table count until they are in the table of that name again.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE kept_objects AS SELECT * FROM objects")
    op.execute("CREATE TABLE kept_damages AS SELECT * FROM damages")
    op.drop_table("objects")
    op.create_table(
        "objects",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("pack_id", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("stored_size", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.SmallInteger(), nullable=False),
        sa.Column("block_size", sa.Integer(), nullable=False),
        sa.Column("meta", sa.LargeBinary(), nullable=False),
        sa.Column("blocks", sa.LargeBinary(), nullable=False),
        sa.Column("bases", sa.LargeBinary()),
        sa.Column("depth", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["pack_id"], ["packs.id"], name=op.f("fk_objects_pack_id_packs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objects")),
        sa.UniqueConstraint("digest", name=op.f("uq_objects_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_objects_pack_id"), "objects", ["pack_id"])
    op.execute("INSERT INTO objects SELECT * FROM kept_objects")
    op.execute("INSERT INTO damages SELECT * FROM kept_damages")
    op.drop_table("kept_objects")
    op.drop_table("kept_damages")
