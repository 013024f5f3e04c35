"""The receipts that speak of a model."""

from __future__ import annotations

from tukar.catalog.values import Identity, Repository
from tukar.errors import NotFound
from tukar.exchange import peers
from tukar.exchange.handovers import Handover
from tukar.exchange.peers import Peer
from tukar.gallery import addresses
from tukar.gallery.views import ReceiptLine
from tukar.signing import Envelope
from tukar.types import RepoId
from tukar.usecases import swap as swaps
from tukar.usecases.services import Services

MAX_RECEIPTS = 50


def lines(services: Services, identity: Identity, repository: Repository) -> tuple[ReceiptLine, ...]:
    """Those that the asker may see, the newest first."""
    found = swaps.receipts(services, identity, repository.repo_id)[:MAX_RECEIPTS]
    with services.database.read() as tx:
        known = {each.peer_id: peers.by_id(tx, each.peer_id) for each in found}
    return tuple(_line(repository, each, known[each.peer_id]) for each in found)


def receipt(services: Services, identity: Identity, repo_id: RepoId, swap: str) -> Envelope:
    """The receipt of a swap; NotFound if it speaks not of that model, or is not the asker's to see."""
    if any(each.id == swap for each in swaps.receipts(services, identity, repo_id)):
        return swaps.receipt(services, swap)
    raise NotFound(f"there is no receipt {swap[:64]!r} of {repo_id}")


def _line(repository: Repository, handover: Handover, peer: Peer) -> ReceiptLine:
    handed_over = repository.repo_id in handover.given
    return ReceiptLine(
        swap=handover.id,
        address=addresses.receipt(str(repository), handover.id),
        peer=peer.name,
        fingerprint=handover.theirs.grouped,
        earlier=handover.theirs != peer.fingerprint,
        received=not handed_over,
        others=_theirs(handover.coming) if handed_over else _ours(handover.given),
        ended_at=handover.ended_at,
    )


def _ours(names: tuple[RepoId, ...]) -> tuple[tuple[str, str | None], ...]:
    """What was given for it: it is here, or the receipt could not be seen."""
    return tuple((str(name), addresses.model(str(name)) if name.type == "model" else None) for name in names)


def _theirs(names: tuple[RepoId, ...]) -> tuple[tuple[str, str | None], ...]:
    return tuple((str(name), None) for name in names)
