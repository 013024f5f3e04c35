"""The receipts that speak of a model."""

from __future__ import annotations

from tukar.catalog.values import Identity, Repository
from tukar.errors import NotFound
from tukar.exchange import peers
from tukar.exchange.offers import Item
from tukar.exchange.swaps import Record
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
        names = {record.peer_id: peers.by_id(tx, record.peer_id).name for record in found}
    return tuple(_line(repository, record, names[record.peer_id]) for record in found)


def receipt(services: Services, identity: Identity, repo_id: RepoId, swap: str) -> Envelope:
    """The receipt of a swap; NotFound if it speaks not of that model, or is not the asker's to see."""
    for record in swaps.receipts(services, identity, repo_id):
        if record.id == swap and record.receipt is not None:
            return record.receipt
    raise NotFound(f"there is no receipt {swap[:64]!r} of {repo_id}")


def _line(repository: Repository, record: Record, peer: str) -> ReceiptLine:
    handed_over = any(_is(repository, item) for item in record.given)
    return ReceiptLine(
        swap=record.id,
        address=addresses.receipt(str(repository), record.id),
        peer=peer,
        fingerprint=record.theirs.fingerprint.grouped,
        received=not handed_over,
        others=_theirs(record.coming) if handed_over else _ours(record.given),
        ended_at=record.changed_at,
    )


def _is(repository: Repository, item: Item) -> bool:
    return (item.repository.type, str(item.repository)) == (repository.type, str(repository))


def _ours(items: tuple[Item, ...]) -> tuple[tuple[str, str | None], ...]:
    """What was given for it: it is here, or the receipt could not be seen."""
    names = ((str(item.repository), item.repository.type) for item in items)
    return tuple((name, addresses.model(name) if kind == "model" else None) for name, kind in names)


def _theirs(items: tuple[Item, ...]) -> tuple[tuple[str, str | None], ...]:
    return tuple((str(item.repository), None) for item in items)
