"""Commits: how a repository changes.

A commit happens in one write transaction, in these steps:

1. the branch's head is what the caller takes it to be, if they say so;
2. the operations are applied to its tree, in order;
3. every file that is added is in the store, and is linked to the repository and revived if gc had condemned it;
4. the tree's new folders and the commit are kept, and the branch moves.

A repository's first commit is titled "initial commit", as on the Hugging Face Hub, and holds what the caller says,
nothing by default: so that ``main`` names a revision from the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from tukar.catalog import git, possessions, repositories, revisions, tables
from tukar.catalog.drafts import Draft
from tukar.catalog.operations import AddFile, DeleteFile, DeleteFolder, Operation
from tukar.catalog.text import is_storable
from tukar.catalog.values import Commit, Entry, Repository, User
from tukar.database import Transaction
from tukar.errors import Conflict, EntryNotFound, Invalid, RevisionNotFound
from tukar.objects.index import batches, find_files
from tukar.objects.tables import files

_INITIAL_TITLE: Final = "initial commit"
_MAX_TITLE: Final = 1_000  # characters
_MAX_MESSAGE: Final = 100_000
_SHORTEST_PARENT: Final = 7  # hex digits that may stand for the expected parent, as on the Hugging Face Hub


def commit(
    tx: Transaction,
    repository: Repository,
    operations: Sequence[Operation],
    *,
    author: User,
    title: str,
    now: float,
    message: str = "",
    branch: str = revisions.DEFAULT_BRANCH,
    parent: str | None = None,
) -> Commit:
    """Change a branch of the repository, and return its new head.

    Where nothing would change, or where the head is this very commit already (a client that got no answer tries again),
    the head stays and is returned.

    Args:
        operations: applied one after the other: a folder that is deleted may be filled again by those that follow.
        author: who commits; that they may, and may link these files, is the caller's to check.
        title: the first line of the message.
        now: seconds since the epoch.
        message: the rest of it.
        branch: its name, or its full ref.
        parent: the commit that the branch must be at: its id, or the first 7 or more digits; None for any.

    Raises:
        Conflict: the branch is at another commit than ``parent``.
        EntryNotFound: what should be deleted is not there.
        Invalid: a file that is added is not in the store or has another size; a file is put where a folder is, or the
            other way round; the title or message is malformed.
        RevisionNotFound: there is no such branch.
    """
    title, message = _check_text(title, message)
    head, ref = _head(tx, repository, branch)
    try:
        _check_parent(head, parent)
        draft = _draft(tx, repository, head.tree_oid, operations)
    except (Conflict, EntryNotFound):
        if (author.name, title, message) == (head.author, head.title, head.message) and (
            _is_made(tx, repository, head, operations, parent)
        ):
            return head
        raise
    if draft.seal() == head.tree_oid:
        return head
    return _finish(tx, repository, ref, draft, operations, author, (title, message), now, head.oid)


def start(
    tx: Transaction, repository: Repository, *, author: User, now: float, operations: Sequence[Operation] = ()
) -> Commit:
    """Make the first commit of a new repository, and its branch ``main``.

    Raises:
        Conflict: the repository has commits.
    """
    ref = revisions.full_ref(revisions.DEFAULT_BRANCH)
    if revisions.head(tx, repository, ref) is not None:
        raise Conflict(f"{repository} has its first commit already")
    draft = _draft(tx, repository, git.EMPTY_TREE, operations)
    draft.seal()
    return _finish(tx, repository, ref, draft, operations, author, (_INITIAL_TITLE, ""), now, None)


def _check_text(title: str, message: str) -> tuple[str, str]:
    first, _, rest = title.strip().partition("\n")
    # Git has no titles of two lines: what follows the first belongs to the message.
    title, message = first.strip(), "\n\n".join(part for part in (rest.strip(), message.strip()) if part)
    if not title or len(title) > _MAX_TITLE or len(message) > _MAX_MESSAGE:
        raise Invalid(
            f"a commit's title has 1 to {_MAX_TITLE} characters and its message at most {_MAX_MESSAGE}, "
            f"not {len(title)} and {len(message)}"
        )
    if not is_storable(title + message):
        raise Invalid("the title or message of a commit has a NUL character or is not Unicode text")
    return title, message


def _head(tx: Transaction, repository: Repository, branch: str) -> tuple[Commit, str]:
    ref = revisions.full_ref(branch)
    head = None if ref.startswith("refs/tags/") or not is_storable(ref) else revisions.head(tx, repository, ref)
    if head is None:
        raise RevisionNotFound(f"{repository} has no branch {branch[:200]!r}", hint="commit to 'main'")
    return head, ref


def _check_parent(head: Commit, parent: str | None) -> None:
    if parent is not None and not _names(parent, head.oid):
        raise Conflict(
            f"the branch is at {head.oid}, not at {parent[:40]}: a commit was made in between",
            hint="look at the branch again, then commit on top of it",
        )


def _names(digits: str, oid: str | None) -> bool:
    return len(digits) >= _SHORTEST_PARENT and oid is not None and oid.startswith(digits)


def _is_made(
    tx: Transaction, repository: Repository, head: Commit, operations: Sequence[Operation], parent: str | None
) -> bool:
    """Whether the head is what these operations make of the commit before it, which is ``parent`` if that is given."""
    before = None if head.parent_oid is None else revisions.resolve(tx, repository, head.parent_oid)
    if before is None or (parent is not None and not _names(parent, before.oid)):
        return False
    try:
        return _draft(tx, repository, before.tree_oid, operations).seal() == head.tree_oid
    except (EntryNotFound, Invalid):
        return False


def _draft(tx: Transaction, repository: Repository, tree_oid: str, operations: Iterable[Operation]) -> Draft:
    draft = Draft(tx, repository.id, tree_oid)
    for operation in operations:
        match operation:
            case AddFile(path, sha256, size, lfs, oid):
                draft.put(Entry(path, "file", oid, size, sha256, lfs))
            case DeleteFile(path):
                draft.remove(path, "file")
            case DeleteFolder(path):
                draft.remove(path, "folder")
    return draft


def _finish(
    tx: Transaction,
    repository: Repository,
    ref: str,
    draft: Draft,
    operations: Iterable[Operation],
    author: User,
    text: tuple[str, str],
    now: float,
    parent: str | None,
) -> Commit:
    """Steps 3 and 4, of a draft that is sealed."""
    added = [operation for operation in operations if isinstance(operation, AddFile)]
    file_ids = _look_up(tx, added)
    _link(tx, repository, file_ids)
    possessions.settle(tx, author, file_ids)
    draft.save()
    new = _make(draft.oid, parent, author, text, now)
    _insert(tx, repository, new)
    _move(tx, repository, ref, new)
    repositories.touch(tx, repository, now)
    return new


def _look_up(tx: Transaction, added: Sequence[AddFile]) -> list[int]:
    """The ids of the files, each once."""
    stored = find_files(tx, {file.sha256 for file in added})
    for file in added:
        if file.sha256 not in stored:
            raise Invalid(f"{file.path!r}: the hub has no file with sha256 {file.sha256}", hint="upload it first")
        size = stored[file.sha256].size
        if file.size != size:
            raise Invalid(f"{file.path!r}: the file with sha256 {file.sha256} has {size} bytes, not {file.size}")
    return [file.id for file in stored.values()]


def _link(tx: Transaction, repository: Repository, file_ids: Iterable[int]) -> None:
    links = tables.repository_files
    for ids in batches(file_ids):
        tx.execute(
            sa.update(files).where(files.c.id.in_(ids), files.c.condemned_at.is_not(None)).values(condemned_at=None)
        )
        known = sa.select(links.c.file_id).where(links.c.repository_id == repository.id, links.c.file_id.in_(ids))
        missing = set(ids) - set(tx.execute(known).scalars())
        if missing:
            tx.execute(sa.insert(links), [{"repository_id": repository.id, "file_id": id_} for id_ in missing])


def _make(tree_oid: str, parent: str | None, author: User, text: tuple[str, str], now: float) -> Commit:
    title, message = text
    at = math.floor(now)
    whole = f"{title}\n\n{message}\n" if message else f"{title}\n"
    # No email address: commits are public and for ever.
    oid = git.commit_oid(tree_oid, [] if parent is None else [parent], f"{author.name} <>", at, whole)
    return Commit(oid, parent, tree_oid, author.name, title, message, float(at))


def _insert(tx: Transaction, repository: Repository, new: Commit) -> None:
    columns = tables.commits.c
    # The same change on two branches in one second is one commit.
    known = sa.select(columns.oid).where(columns.repository_id == repository.id, columns.oid == new.oid)
    if tx.execute(known).first() is None:
        values = {name: getattr(new, name) for name in columns.keys() if name != "repository_id"}  # noqa: SIM118
        tx.execute(sa.insert(tables.commits).values(repository_id=repository.id, **values))


def _move(tx: Transaction, repository: Repository, ref: str, new: Commit) -> None:
    columns = tables.refs.c
    here = (columns.repository_id == repository.id) & (columns.name == ref)
    if tx.execute(sa.update(tables.refs).where(here).values(commit_oid=new.oid)).rowcount == 0:
        tx.execute(sa.insert(tables.refs).values(repository_id=repository.id, name=ref, commit_oid=new.oid))
