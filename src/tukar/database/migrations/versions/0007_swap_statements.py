"""Keep what was signed for a swap apart from its row, and in the row what its offer says in short.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"

_KINDS: Final = ("offer", "acceptance", "signature", "receipt")
_ENDED: Final = ("published", "refused", "cancelled")
_NAMES: Final = 10
_NOTE: Final = 300

_SWAPS: Final = sa.table(
    "swaps",
    *(sa.column(name) for name in ("id", "role", "state")),
    *(sa.column(kind, sa.LargeBinary) for kind in _KINDS),
    sa.column("accepted", sa.Boolean),
    *(sa.column(name) for name in ("nonce", "expires_at", "terms")),
)
_STATEMENTS: Final = sa.table("swap_statements", *(sa.column(name) for name in ("swap_id", "kind", "envelope", "size")))
_RECEIPTS: Final = sa.table("receipt_repositories", sa.column("swap_id"), sa.column("repository_id"))
_REPOSITORIES: Final = sa.table("repositories", *(sa.column(name) for name in ("id", "type", "namespace", "name")))


def upgrade() -> None:
    """Make the table and the columns, fill them from the statements swap by swap, and drop the old columns."""
    _make()
    tx = op.get_bind()
    for (swap_id,) in tx.execute(sa.select(_SWAPS.c.id)).all():
        _move(tx, tx.execute(sa.select(_SWAPS).where(_SWAPS.c.id == swap_id)).one())
    for kind in _KINDS:
        op.drop_column("swaps", kind)


def _make() -> None:
    op.create_table(
        "swap_statements",
        sa.Column("swap_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="offer | acceptance | signature | receipt"),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="of the envelope, in bytes"),
        sa.ForeignKeyConstraint(
            ["swap_id"], ["swaps.id"], name=op.f("fk_swap_statements_swap_id_swaps"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("swap_id", "kind", name=op.f("pk_swap_statements")),
        comment="what was signed for a swap: apart from it, as it may be large",
    )
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column(
            "accepted",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="whether its offer was accepted",
        ),
        sa.Column("nonce", sa.Text(), nullable=False, server_default=sa.text("''"), comment="the offer's"),
        sa.Column(
            "expires_at",
            sa.Float(),
            nullable=False,
            server_default="0",
            comment="until when the offer can be accepted",
        ),
        sa.Column(
            "terms",
            sa.Text(),
            nullable=False,
            server_default=sa.text("''"),
            comment="JSON: whose keys, and the offer in short",
        ),
    )
    for column in columns:
        op.add_column("swaps", column)
    op.create_index(op.f("ix_swaps_nonce"), "swaps", ["nonce"])


def _move(tx: sa.Connection, row: sa.Row[Any]) -> None:
    """One swap. Of a peer's offer that ended without being accepted, only what it said in short is kept."""
    offer, accepted = _payload(row.offer), row.acceptance is not None
    short = {"accepted": accepted, "nonce": offer["nonce"], "expires_at": float(offer["expires_at"])}
    tx.execute(_SWAPS.update().where(_SWAPS.c.id == row.id).values(**short, terms=_terms(offer)))
    if accepted or row.role == "offerer" or row.state not in _ENDED:
        found = {kind: getattr(row, kind) for kind in _KINDS}
        for kind, envelope in found.items():
            if envelope is not None:
                values = {"swap_id": row.id, "kind": kind, "envelope": envelope, "size": len(envelope)}
                tx.execute(_STATEMENTS.insert().values(**values))
    if row.state not in _ENDED:
        given = offer["give"] if row.role == "offerer" else _payload(row.acceptance)["take"] if accepted else []
        _attach(tx, row.id, given)


def _attach(tx: sa.Connection, swap_id: str, given: Iterable[dict[str, Any]]) -> None:
    """Remember which repositories an open swap hands over: those that go by these names now."""
    c = _REPOSITORIES.c
    for item in given:
        namespace, _, name = item["repository"].partition("/")
        same = (c.type == item["type"]) & (sa.func.lower(c.namespace) == namespace.lower())
        same &= sa.func.lower(c.name) == name.lower()
        for found in tx.execute(sa.select(c.id).where(same)).scalars().all():
            tx.execute(_RECEIPTS.insert().values(swap_id=swap_id, repository_id=found))


def _payload(envelope: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    return found


def _terms(offer: dict[str, Any]) -> str:
    sides = ([[each["type"], each["repository"]] for each in offer[side]] for side in ("give", "take"))
    short = [[names[:_NAMES], len(names)] for names in sides]
    return json.dumps([offer["offerer"], offer["acceptor"], *short, offer["note"][:_NOTE]])
