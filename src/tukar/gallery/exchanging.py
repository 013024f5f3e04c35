"""What this hub has to do with others: as far as everybody may know, and what those who run it see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tukar.catalog import repositories, rights
from tukar.catalog.values import ANONYMOUS, Identity
from tukar.exchange.requests import Request
from tukar.exchange.summaries import Part
from tukar.gallery import proposals, swapping
from tukar.gallery.exchange_views import (
    Desk,
    ExchangePage,
    OfferForm,
    Outcome,
    PeerForm,
    PeerLine,
    PeerPage,
    RequestForm,
    RequestLine,
    SwapLine,
)
from tukar.types import REPO_TYPES
from tukar.usecases import keys, peer, swap
from tukar.usecases import request as requests
from tukar.usecases.services import Services

ENDED: Final = 20
OWN: Final = 200
"""Swaps that have ended, and repositories that are suggested: how many a page shows."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The forms of the page as they are filled in; None for one that nobody has touched.

    Attributes:
        withdrawal, managed: what came of withdrawing a request, and of what was done with a peer.
    """

    offer: OfferForm | None = None
    peer: PeerForm | None = None
    request: RequestForm | None = None
    withdrawal: Outcome | None = None
    managed: Outcome | None = None


UNTOUCHED: Final = Filled()


def exchange(services: Services, identity: Identity, endpoint: str, filled: Filled = UNTOUCHED) -> ExchangePage:
    """Who this hub is and what it asks for; for administrators, peers and swaps too."""
    document = keys.document(services)
    *earlier, current = (key.fingerprint.grouped for key in document.keys)
    found = requests.listing(services, ANONYMOUS)
    desk = _desk(services, identity, filled) if rights.may_administer(identity) else None
    return ExchangePage(endpoint, current, tuple(earlier), tuple(_line(entry.request) for entry in found), desk)


def _desk(services: Services, identity: Identity, filled: Filled) -> Desk:
    return Desk(
        identity.user.name if identity.user else "",
        waiting=_lines(services, identity, "waiting"),
        moving=_lines(services, identity, "moving"),
        ended=_lines(services, identity, "ended", ENDED),
        ended_count=swap.count(services, identity, "ended"),
        peers=_peers(services, identity, filled.managed),
        own=_own(services, identity),
        offer=filled.offer or proposals.blank(),
        peer=filled.peer or PeerForm(),
        request=filled.request or RequestForm(),
        withdrawal=filled.withdrawal,
    )


def _lines(services: Services, identity: Identity, part: Part, limit: int | None = None) -> tuple[SwapLine, ...]:
    return tuple(swapping.line(found) for found in swap.listing(services, identity, part, limit=limit))


def _peers(services: Services, identity: Identity, managed: Outcome | None) -> tuple[PeerLine, ...]:
    return tuple(
        PeerLine(
            each.name,
            each.url,
            each.fingerprint.grouped,
            each.state,
            each.added_at,
            managed if managed and each.name == managed.of else None,
        )
        for each in peer.listing(services, identity)
    )


def wanted(services: Services, identity: Identity, name: str) -> PeerPage:
    """What a peer asks for; errors as for the use case."""
    found, asked = requests.of_peer(services, identity, name)
    return PeerPage(found.name, found.url, tuple(_line(request) for request in asked))


def _own(services: Services, identity: Identity) -> tuple[str, ...]:
    """What can be given, those that changed last first."""
    with services.database.read() as tx:
        found = [
            repository
            for type_ in REPO_TYPES
            for repository in repositories.listing(tx, identity, type_, order="updated_at", limit=OWN)
        ]
    return tuple(proposals.name_of(repository.repo_id) for repository in found[:OWN])


def _line(request: Request) -> RequestLine:
    wish, told = request.wish, request.wish.evaluation
    return RequestLine(
        request.id,
        " ".join(wish.text.split()),
        wish.task,
        wish.licence,
        wish.base_model,
        told.at_least if told else None,
        told.metric if told else "",
        told.sha256 if told else "",
        request.made_at,
        request.expires_at,
    )
