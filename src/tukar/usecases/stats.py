"""What is stored, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from tukar.catalog import possessions, repositories, revisions, trees
from tukar.catalog.values import Commit, Entry, Identity, Repository
from tukar.objects import sizes
from tukar.objects.sizes import FileSize, Totals
from tukar.types import RepoId
from tukar.usecases.services import Services


@dataclass(frozen=True, slots=True)
class RepositorySizes:
    """The files of one revision with what they cost, in the order of their paths."""

    repository: Repository
    commit: Commit
    files: tuple[tuple[Entry, FileSize], ...]


def totals(services: Services) -> Totals:
    """The sizes of everything."""
    with services.database.read() as tx:
        return sizes.totals(tx)


def repository_sizes(services: Services, identity: Identity, repo_id: RepoId, revision: str) -> RepositorySizes:
    """The sizes of the files of a revision.

    A file that another repository has as well is shared, all of it. What is shared with what the asker may not read is
    not told.
    """
    with services.database.read() as tx:
        repository = repositories.get(tx, identity, repo_id)
        commit = revisions.resolve(tx, repository, revision)
        entries = [e for e in trees.listing(tx, repository.id, commit.tree_oid, recursive=True) if e.kind == "file"]
        digests = {entry.sha256 for entry in entries if entry.sha256}
        found = sizes.file_sizes(tx, digests, partial(possessions.in_reach, identity))
        for sha256 in possessions.elsewhere(tx, identity, repository.id, digests):
            found[sha256] = replace(found[sha256], own=0)
        listed = tuple((entry, found[entry.sha256]) for entry in entries if entry.sha256)
        return RepositorySizes(repository, commit, listed)
