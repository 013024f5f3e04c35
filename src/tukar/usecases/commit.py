"""Publish, second half: a commit links stored files under names. Everything happens in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tukar.catalog import cards, commits, possessions, repositories, revisions, rights, users
from tukar.catalog.cards import Card
from tukar.catalog.operations import AddFile, DeleteFile, DeleteFolder, Operation
from tukar.catalog.values import Commit, Identity, Repository, User
from tukar.database import Transaction
from tukar.errors import Invalid, Refused
from tukar.types import ByteSource, RepoId
from tukar.usecases.publish import land
from tukar.usecases.services import Services


@dataclass(frozen=True, slots=True)
class RegularFile:
    """A small file whose bytes come with the commit itself."""

    path: str
    content: ByteSource


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file whose bytes were sent before."""

    path: str
    sha256: str
    size: int


Change = RegularFile | LargeFile | DeleteFile | DeleteFolder


@dataclass(frozen=True, slots=True)
class Request:
    """A commit as it is asked for.

    Attributes:
        changes: applied in this order.
        parent: the commit that the branch must be at, or None for any.
    """

    changes: Sequence[Change]
    title: str
    message: str = ""
    branch: str = revisions.DEFAULT_BRANCH
    parent: str | None = None


def commit(services: Services, identity: Identity, repo_id: RepoId, request: Request) -> tuple[Repository, Commit]:
    """Commit to a repository; returns it and its new head.

    Raises:
        RepoNotFound, Refused: there is no such repository, or the asker may not write to it.
        Invalid: a large file that the asker did not send and may not read, or a malformed change.
        Conflict, EntryNotFound, RevisionNotFound: as ``catalog.commits.commit``.
    """
    operations = [_operation(change) for change in request.changes]
    with services.database.read() as tx:
        repository, user = writable(tx, identity, repo_id)
        _require_linkable(tx, identity, repository, request.changes)
    card = _new_card(services, request)

    def register(tx: Transaction, _: dict[str, int]) -> Commit:
        # Looked up again: it may have been deleted, or made another's, while the bytes landed.
        current, _user = writable(tx, identity, repo_id)
        _require_linkable(tx, identity, current, request.changes)
        made = commits.commit(
            tx,
            current,
            operations,
            author=user,
            title=request.title,
            message=request.message,
            branch=request.branch,
            parent=request.parent,
            now=services.clock(),
        )
        if card is not None:
            repositories.set_card(tx, current, card.to_json())
        return made

    incoming = [(change.content, None) for change in request.changes if isinstance(change, RegularFile)]
    if not incoming:
        with services.database.write() as tx:
            return repository, register(tx, {})
    return repository, land(services, incoming, register)


def writable(tx: Transaction, identity: Identity, repo_id: RepoId) -> tuple[Repository, User]:
    """A repository that the asker may write to, and the asker."""
    repository = repositories.get(tx, identity, repo_id)
    if identity.user is None or not rights.may_write(identity, repository):
        raise Refused(f"you may not write to {repository}", hint="use a token with the role 'write' of someone who may")
    users.require(tx, identity.user.id)
    return repository, identity.user


def _operation(change: Change) -> Operation:
    match change:
        case RegularFile(path, content):
            return AddFile.regular(path, content.read(0, content.size))
        case LargeFile(path, sha256, size):
            return AddFile.large(path, sha256, size)
        case _:
            return change


def _require_linkable(tx: Transaction, identity: Identity, repository: Repository, changes: Sequence[Change]) -> None:
    """A digest alone gives no right: what the hub has from others answers as what it does not have."""
    large = {change.sha256: change.path for change in changes if isinstance(change, LargeFile)}
    missing = large.keys() - possessions.held(tx, repository.id, large).keys()
    missing -= possessions.linkable(tx, identity, missing).keys()
    for sha256, path in large.items():
        if sha256 in missing:
            raise Invalid(f"{path!r}: its bytes ({sha256}) have not been uploaded", hint="upload them first")


def _new_card(services: Services, request: Request) -> Card | None:
    """The repository's card if the commit changes it; an empty one if it deletes it."""
    if revisions.full_ref(request.branch) != revisions.full_ref(revisions.DEFAULT_BRANCH):
        return None
    for change in reversed(request.changes):
        if change.path == cards.NAME:
            return _read_card(services, change)
    return None


def _read_card(services: Services, change: Change) -> Card:
    match change:
        case RegularFile(_, content):
            source: ByteSource = content
        case LargeFile(_, sha256, _):
            source = services.objects.open_sha256(sha256)
        case _:
            return Card()
    return cards.parse(source.read(0, min(source.size, cards.MAX_SIZE + 1)))
