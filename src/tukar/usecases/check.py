"""Check everything that is stored, and say which files of which repositories a fault touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tukar.cas import epochs
from tukar.catalog import possessions, repositories, revisions, trees
from tukar.catalog.repositories import Cursor
from tukar.catalog.values import Identity, Repository, User
from tukar.database import Transaction
from tukar.objects import sizes
from tukar.objects.check import Progress
from tukar.usecases.services import Services

_EVERYONE: Final = Identity(User(0, "", "user", "", None, is_admin=True, created_at=0.0), "write")
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        message: what is wrong and where.
        files: what it touches, as ``namespace/name@commit:path``; by sha256 what no repository links.
    """

    message: str
    files: tuple[str, ...]


def check(services: Services, on_progress: Progress = lambda _: None) -> Iterator[Fault]:
    """Every fault there is. Reads every stored byte; ``on_progress`` is called with the number of bytes read."""

    def forget() -> None:  # clients remember xorbs as sent that have to be sent again
        with services.database.write() as tx:
            epochs.begin(tx)

    for finding in services.objects.checker(services.clock(), on_progress, forget).run():
        yield Fault(finding.message, tuple(_names(services, set(finding.files))))


def stored_bytes(services: Services) -> int:
    """How many bytes a check reads."""
    with services.database.read() as tx:
        return sizes.totals(tx).stored


def _names(services: Services, sha256s: set[str]) -> Iterator[str]:
    named: set[str] = set()
    with services.database.read() as tx:
        for repository in _repositories(tx) if sha256s else ():
            for sha256, place in _places(tx, repository, sha256s):
                named.add(sha256)
                yield place
    yield from sorted(sha256s - named)


def _repositories(tx: Transaction) -> Iterator[Repository]:
    after: Cursor | None = None
    while page := repositories.listing(tx, _EVERYONE, after=after, limit=_PAGE):
        yield from page
        after = repositories.cursor(page[-1])


def _places(tx: Transaction, repository: Repository, sha256s: set[str]) -> Iterator[tuple[str, str]]:
    """Where the newest commit that has each of these files has it."""
    missing = set(possessions.held(tx, repository.id, sha256s))
    for ref in revisions.refs(tx, repository):
        head = revisions.resolve(tx, repository, ref.name)
        skip = 0
        while missing and (commits := revisions.history(tx, repository, head, skip=skip)):
            skip += len(commits)
            for commit in commits:
                for entry in trees.listing(tx, repository.id, commit.tree_oid, recursive=True) if missing else ():
                    if entry.sha256 in missing:
                        missing.discard(entry.sha256)
                        yield entry.sha256, f"{repository}@{commit.oid[:12]}:{entry.path}"
