"""Fetch: from a repository, a revision and a path to bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tukar.catalog import possessions, repositories, revisions, trees
from tukar.catalog.values import Commit, Entry, Identity, Repository
from tukar.errors import EntryNotFound, NotFound
from tukar.objects.reading import FileReader
from tukar.types import RepoId
from tukar.usecases.services import Services


@dataclass(frozen=True, slots=True)
class Found:
    """A place in a repository: what is there, or None for nothing."""

    repository: Repository
    commit: Commit
    entry: Entry | None


def find(services: Services, identity: Identity, repo_id: RepoId, revision: str, path: str = "") -> Found:
    """What is at a path of a revision; RepoNotFound and RevisionNotFound as they say."""
    with services.database.read() as tx:
        repository = repositories.get(tx, identity, repo_id)
        commit = revisions.resolve(tx, repository, revision)
        return Found(repository, commit, trees.lookup(tx, repository.id, commit.tree_oid, path))


def files(services: Services, identity: Identity, repo_id: RepoId, revision: str) -> list[Entry]:
    """All files of a revision, with full paths."""
    with services.database.read() as tx:
        repository = repositories.get(tx, identity, repo_id)
        commit = revisions.resolve(tx, repository, revision)
        entries = trees.listing(tx, repository.id, commit.tree_oid, recursive=True)
        return [entry for entry in entries if entry.kind == "file"]


def open_entry(services: Services, entry: Entry) -> FileReader:
    """The bytes of a file; EntryNotFound for a folder."""
    if entry.sha256 is None:
        raise EntryNotFound(f"{entry.path!r} is a folder")
    return services.objects.open_sha256(entry.sha256)


def open_held(services: Services, identity: Identity, repo_id: RepoId, sha256: str) -> FileReader:
    """A file by its sha256, through a repository that holds it and that the asker may read; NotFound otherwise."""
    with services.database.read() as tx:
        repository = repositories.get(tx, identity, repo_id)
        if not possessions.holds(tx, repository.id, sha256):
            raise NotFound(f"{repository} has no file with sha256 {sha256[:64]}")
    return services.objects.open_sha256(sha256)
