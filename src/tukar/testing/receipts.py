"""Receipts of swaps that never were, signed with keys that nobody else has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tukar.catalog import git
from tukar.exchange.offers import RECEIPT, Acceptance, FileItem, Item, Offer, receipt_payload
from tukar.signing import Envelope, SigningKey, sign
from tukar.types import Digest, RepoId

MADE_AT = 1_767_225_600  # 2026-01-01


def made_item(name: str, files: Mapping[str, bytes], licence: str = "apache-2.0") -> Item:
    """A model with these files."""
    made = (
        FileItem(path, len(data), hashlib.sha256(data).hexdigest(), git.blob_oid(data), False, Digest.of(data))
        for path, data in sorted(files.items())
    )
    return Item(RepoId.parse(name), "c" * 40, licence, (), tuple(made))


def made_payload(
    offerer: SigningKey,
    acceptor: SigningKey,
    give: Mapping[str, Mapping[str, bytes]],
    take: Mapping[str, Mapping[str, bytes]] | None = None,
    *,
    note: str = "",
    request: str = "",
    made_at: int = MADE_AT,
) -> bytes:
    """What both sign: the files that each hands over, by path, by model."""
    gives, takes = (tuple(made_item(*each) for each in side.items()) for side in (give, take or {}))
    offer = Offer(
        offerer.public, acceptor.public, "0" * 32, made_at, made_at + 60, gives, (), note=note, request=request
    )
    return receipt_payload(offer, Acceptance(offer.swap, takes))


def made_receipt(
    offerer: SigningKey,
    acceptor: SigningKey,
    give: Mapping[str, Mapping[str, bytes]],
    take: Mapping[str, Mapping[str, bytes]] | None = None,
    *,
    note: str = "",
    request: str = "",
) -> Envelope:
    """The receipt, signed by both."""
    payload = made_payload(offerer, acceptor, give, take, note=note, request=request)
    return sign(RECEIPT, payload, offerer, acceptor)
