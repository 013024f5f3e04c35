"""Make, find and delete repositories."""

from __future__ import annotations

from tukar.catalog import commits, repositories, rights, users
from tukar.catalog.repositories import RepositoryExists
from tukar.catalog.values import Identity, Repository
from tukar.errors import Refused
from tukar.types import RepoId
from tukar.usecases.accounts import require_user
from tukar.usecases.commit import writable
from tukar.usecases.services import Services


def create(services: Services, identity: Identity, repo_id: RepoId, *, private: bool) -> Repository:
    """Make a repository with its first commit.

    Raises:
        Refused: the asker may not create repositories there; also where one exists that they may not see.
        RepositoryExists: one exists that they may see.
    """
    user = require_user(identity)
    with services.database.write() as tx:
        if not rights.may_create(identity, repo_id.namespace):
            raise Refused(
                f"you may not create repositories in {repo_id.namespace!r}",
                hint=f"use your own namespace ({user.name}/...) and a token with the role 'write'",
            )
        users.require(tx, user.id)  # or what they leave would belong to the next of that name
        repository = repositories.create(tx, repo_id, private=private, now=services.clock())
        commits.start(tx, repository, author=user, now=services.clock())
        return repository


def delete(services: Services, identity: Identity, repo_id: RepoId) -> None:
    """Forget a repository and its history; gc frees what nothing else needs."""
    with services.database.write() as tx:
        repository, _ = writable(tx, identity, repo_id)
        repositories.delete(tx, repository)


__all__ = ["RepositoryExists", "create", "delete"]
