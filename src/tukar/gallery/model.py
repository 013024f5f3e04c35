"""One model, read from a hub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from tukar.catalog import cards, repositories, revisions
from tukar.catalog.cards import Card
from tukar.catalog.values import Entry, Identity
from tukar.database import Transaction
from tukar.errors import Invalid, RepoNotFound
from tukar.gallery import addresses, kinship, receipts, weights
from tukar.gallery.addresses import Place
from tukar.gallery.views import BaseModel, CommitLine, FileLine, Files, History, ModelPage
from tukar.types import RepoId
from tukar.usecases import encodings, fetch, stats
from tukar.usecases.encodings import Summary
from tukar.usecases.services import Services
from tukar.usecases.stats import RepositorySizes

MAX_FILES: Final = 500
MAX_BASES: Final = 8
COMMITS: Final = 10


def model(
    services: Services,
    identity: Identity,
    endpoint: str,
    repo_id: RepoId,
    revision: str = revisions.DEFAULT_BRANCH,
    *,
    focus: str | None = None,
    start: int = 0,
) -> ModelPage:
    """A model at a revision.

    Args:
        focus: the weight file to list the tensors of; the first ones if it is not given.
        start: how many of its tensors to leave out before the first that is listed.

    Raises:
        RepoNotFound, RevisionNotFound: there is none that the asker may see.
        EntryNotFound: ``focus`` is not a file with tensors.
    """
    sizes = stats.repository_sizes(services, identity, repo_id, revision)
    entries = [entry for entry, _ in sizes.files]
    card = _card(services, entries)
    with services.database.read() as tx:
        bases = _bases(tx, identity, card)
        history = _history(tx, sizes)
    return ModelPage(
        endpoint=endpoint,
        place=Place(str(sizes.repository), revision, sizes.repository.private),
        updated_at=sizes.commit.created_at,
        card=card,
        base_models=bases,
        files=_files(services, identity, sizes),
        weights=weights.weights(services, identity, entries, focus, start),
        history=history,
        receipts=receipts.lines(services, identity, sizes.repository),
    )


def _card(services: Services, entries: Iterable[Entry]) -> Card | None:
    readme = next((entry for entry in entries if entry.path == cards.NAME), None)
    if readme is None:
        return None
    reader = fetch.open_entry(services, readme)
    return cards.parse(reader.read(0, min(readme.size, cards.MAX_SIZE + 1)))


def _bases(tx: Transaction, identity: Identity, card: Card | None) -> tuple[BaseModel, ...]:
    names = card.base_model[:MAX_BASES] if card else ()
    return tuple(BaseModel(name, _address(tx, identity, name)) for name in names)


def _address(tx: Transaction, identity: Identity, name: str) -> str | None:
    try:
        return addresses.model(str(repositories.get(tx, identity, RepoId.parse(name))))
    except (Invalid, RepoNotFound):
        return None


def _history(tx: Transaction, sizes: RepositorySizes) -> History:
    found = revisions.history(tx, sizes.repository, sizes.commit, limit=COMMITS)
    lines = (CommitLine(commit.oid, commit.title, commit.author, commit.created_at) for commit in found)
    return History(tuple(lines), revisions.count(tx, sizes.repository, sizes.commit))


def _files(services: Services, identity: Identity, sizes: RepositorySizes) -> Files:
    lines = [FileLine(entry.path, size.raw, size.stored, size.own) for entry, size in sizes.files]
    digests = [entry.sha256 or "" for entry, _ in sizes.files]
    contents = dict(zip(digests, lines, strict=True))
    found = encodings.summaries(services, identity, digests[:MAX_FILES])
    shown = (_told(line, found.get(sha256)) for line, sha256 in zip(lines[:MAX_FILES], digests, strict=False))
    return Files(tuple(shown), len(lines), _sum(list(contents.values())))


def _told(line: FileLine, found: Summary | None) -> FileLine:
    return line if found is None else replace(line, coded=kinship.coded(found), kin=kinship.kin(found))


def _sum(lines: Sequence[FileLine]) -> FileLine:
    return FileLine(
        "", sum(line.size for line in lines), sum(line.stored for line in lines), sum(line.own for line in lines)
    )
