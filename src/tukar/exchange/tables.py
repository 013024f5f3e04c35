"""The tables of the exchange: this hub's keys, its peers, and the swaps with them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, LargeBinary, Table, Text, false, text

from tukar.database import RowId, metadata

hub_keys = Table(
    "hub_keys",
    metadata,
    Column("id", RowId, primary_key=True, comment="in the order in which they were made; the last is the current one"),
    Column("private", LargeBinary, nullable=False, comment="PKCS #8 in PEM"),
    Column("succession", LargeBinary, comment="the envelope by which it followed the one before; NULL for the first"),
    Column("created_at", Float, nullable=False),
)

peers = Table(
    "peers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False, unique=True, comment="what this hub's operator calls it"),
    Column("url", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True, comment="of the newest key that was followed to"),
    Column("public_key", Text, nullable=False, comment="that key, in hex"),
    Column("state", Text, nullable=False, comment="trusted | revoked | removed"),
    Column("added_at", Float, nullable=False),
)

peer_keys = Table(
    "peer_keys",
    metadata,
    Column("peer_id", ForeignKey("peers.id"), primary_key=True),
    Column("fingerprint", Text, primary_key=True, index=True),
    Column("public_key", Text, nullable=False, comment="in hex"),
    comment="the keys that peers had before, as their identity documents showed them",
)

nonces = Table(
    "nonces",
    metadata,
    Column("nonce", Text, primary_key=True, comment="of a signed request, with its key's fingerprint in front"),
    Column("until", Float, nullable=False, index=True, comment="when it may be forgotten"),
)

swaps = Table(
    "swaps",
    metadata,
    Column("id", Text, primary_key=True, comment="SHA-256 of the offer"),
    Column("peer_id", ForeignKey("peers.id"), nullable=False, index=True),
    Column("role", Text, nullable=False, comment="offerer | acceptor"),
    Column("state", Text, nullable=False, index=True, comment="as in tukar.exchange.states"),
    Column("arrived", Boolean, nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("ending", Text, comment="why it was cancelled"),
    Column("reason", Text, nullable=False, comment="in words, of whoever ended it; else empty"),
    Column("targets", Text, nullable=False, comment="JSON: where to publish what comes, by the name it has there"),
    Column("user_id", ForeignKey("users.id", ondelete="SET NULL"), comment="who offered or accepted it here"),
    Column("moved", Text, nullable=False, comment="JSON: bytes that came, that were spared, and of all files"),
    Column("error", Text, comment="what stands in the way now; NULL if nothing does"),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("handed_over", Text, comment="JSON: what went and came, in short, once it is published; NULL before"),
    Column("reached_at", Float, comment="when the other hub last spoke of it; NULL before"),
    Column("accepted", Boolean, nullable=False, server_default=false(), comment="whether its offer was accepted"),
    Column("nonce", Text, nullable=False, server_default=text("''"), index=True, comment="the offer's"),
    Column("expires_at", Float, nullable=False, server_default="0", comment="until when the offer can be accepted"),
    Column(
        "terms", Text, nullable=False, server_default=text("''"), comment="JSON: whose keys, and the offer in short"
    ),
)

swap_statements = Table(
    "swap_statements",
    metadata,
    Column("swap_id", ForeignKey("swaps.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True, comment="offer | acceptance | signature | receipt"),
    Column("envelope", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False, comment="of the envelope, in bytes"),
    comment="what was signed for a swap: apart from it, as it may be large",
)

receipt_repositories = Table(
    "receipt_repositories",
    metadata,
    Column("swap_id", ForeignKey("swaps.id"), primary_key=True),
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True, index=True),
    comment="the repositories that a receipt speaks of: it stays with the model",
)

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True, comment="SHA-256 of the request"),
    Column("peer_id", ForeignKey("peers.id"), index=True, comment="whose it is; NULL for this hub's own"),
    Column("envelope", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, comment="open | closed | withdrawn"),
    Column("swap_id", Text, comment="the swap that closed it"),
    Column("created_at", Float, nullable=False),
)
