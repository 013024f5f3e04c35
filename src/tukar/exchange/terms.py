"""What is kept of an offer in the row of its swap: small, whatever the offer lists, and for as long as the swap."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Self

from tukar.exchange.offers import Offer
from tukar.types import RepoId

NAMES: Final = 10
"""Repositories of each side that are kept by name."""
NOTE: Final = 300
"""Characters of the note that are kept."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one hub hands over.

    Attributes:
        names: the first of its repositories.
        count: how many there are.
    """

    names: tuple[RepoId, ...]
    count: int

    @classmethod
    def of(cls, names: tuple[RepoId, ...]) -> Self:
        """From all of them."""
        return cls(names[:NAMES], len(names))


@dataclass(frozen=True, slots=True)
class Terms:
    """An offer in short.

    Attributes:
        offerer, acceptor: the two hubs' keys, in hex.
        give: what the offerer hands over.
        take: what it asks for.
        note: the beginning of it.
        nonce, expires_at: the offer's.
    """

    offerer: str
    acceptor: str
    give: Side
    take: Side
    note: str
    nonce: str
    expires_at: int

    @classmethod
    def of(cls, offer: Offer) -> Self:
        """From all that it says."""
        give = Side.of(tuple(item.repository for item in offer.give))
        take = Side.of(tuple(reference.repository for reference in offer.take))
        keys = (str(offer.offerer), str(offer.acceptor))
        return cls(*keys, give, take, offer.note[:NOTE], offer.nonce, offer.expires_at)

    def written(self) -> str:
        """As it is stored beside the nonce and the time."""
        sides = ([[[each.type, str(each)] for each in side.names], side.count] for side in (self.give, self.take))
        return json.dumps([self.offerer, self.acceptor, *sides, self.note])

    @classmethod
    def read(cls, written: str, nonce: str, expires_at: float) -> Self:
        """What `written` wrote."""
        offerer, acceptor, give, take, note = json.loads(written)
        return cls(offerer, acceptor, _side(*give), _side(*take), note, nonce, int(expires_at))


def _side(names: list[list[str]], count: int) -> Side:
    return Side(tuple(RepoId.parse(name, kind) for kind, name in names), count)  # type: ignore[arg-type]
