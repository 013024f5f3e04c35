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
    _hub_keys()
    _peers()
    _nonces()
    _swaps()
    _receipt_repositories()
    _requests()


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


def _hub_keys() -> None:
    op.create_table(
        "hub_keys",
        sa.Column(
            "id", _ROW_ID, nullable=False, comment="in the order in which they were made; the last is the current one"
        ),
        sa.Column("private", sa.LargeBinary(), nullable=False, comment="PKCS #8 in PEM"),
        sa.Column(
            "succession",
            sa.LargeBinary(),
            comment="the envelope by which it followed the one before; NULL for the first",
        ),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_keys")),
    )


def _peers() -> None:
    op.create_table(
        "peers",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what this hub's operator calls it"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False, comment="of the newest key that was followed to"),
        sa.Column("public_key", sa.Text(), nullable=False, comment="that key, in hex"),
        sa.Column("state", sa.Text(), nullable=False, comment="trusted | revoked | removed"),
        sa.Column("added_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_peers")),
        sa.UniqueConstraint("name", name=op.f("uq_peers_name")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_peers_fingerprint")),
    )


def _nonces() -> None:
    op.create_table(
        "nonces",
        sa.Column(
            "nonce", sa.Text(), nullable=False, comment="of a signed request, with its key's fingerprint in front"
        ),
        sa.Column("until", sa.Float(), nullable=False, comment="when it may be forgotten"),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_nonces")),
    )
    op.create_index(op.f("ix_nonces_until"), "nonces", ["until"])


def _swaps() -> None:
    op.create_table(
        "swaps",
        sa.Column("id", sa.Text(), nullable=False, comment="SHA-256 of the offer"),
        sa.Column("peer_id", _ROW_ID, nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="offerer | acceptor"),
        sa.Column("state", sa.Text(), nullable=False, comment="as in tukar.exchange.states"),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("ending", sa.Text(), comment="why it was cancelled"),
        sa.Column("reason", sa.Text(), nullable=False, comment="in words, of whoever ended it; else empty"),
        sa.Column("offer", sa.LargeBinary(), nullable=False, comment="the envelope"),
        sa.Column("acceptance", sa.LargeBinary(), comment="the envelope, once it is accepted"),
        sa.Column("signature", sa.LargeBinary(), comment="the receipt's envelope with the acceptor's signature"),
        sa.Column("receipt", sa.LargeBinary(), comment="the receipt's envelope with both signatures"),
        sa.Column(
            "targets", sa.Text(), nullable=False, comment="JSON: where to publish what comes, by the name it has there"
        ),
        sa.Column("user_id", _ROW_ID, comment="who offered or accepted it here"),
        sa.Column(
            "moved", sa.Text(), nullable=False, comment="JSON: bytes that came, that were spared, and of all files"
        ),
        sa.Column("error", sa.Text(), comment="what stands in the way now; NULL if nothing does"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["peer_id"], ["peers.id"], name=op.f("fk_swaps_peer_id_peers")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_swaps_user_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swaps")),
    )
    op.create_index(op.f("ix_swaps_peer_id"), "swaps", ["peer_id"])
    op.create_index(op.f("ix_swaps_state"), "swaps", ["state"])


def _receipt_repositories() -> None:
    op.create_table(
        "receipt_repositories",
        sa.Column("swap_id", sa.Text(), nullable=False),
        sa.Column("repository_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_receipt_repositories_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["swap_id"], ["swaps.id"], name=op.f("fk_receipt_repositories_swap_id_swaps")),
        sa.PrimaryKeyConstraint("swap_id", "repository_id", name=op.f("pk_receipt_repositories")),
        comment="the repositories that a receipt speaks of: it stays with the model",
    )
    op.create_index(op.f("ix_receipt_repositories_repository_id"), "receipt_repositories", ["repository_id"])


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text(), nullable=False, comment="SHA-256 of the request"),
        sa.Column("peer_id", _ROW_ID, comment="whose it is; NULL for this hub's own"),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open | closed | withdrawn"),
        sa.Column("swap_id", sa.Text(), comment="the swap that closed it"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["peer_id"], ["peers.id"], name=op.f("fk_requests_peer_id_peers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_peer_id"), "requests", ["peer_id"])
