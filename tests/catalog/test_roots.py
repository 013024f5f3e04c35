"""What gc must spare."""

from __future__ import annotations

import sqlalchemy as sa

from tukar.catalog import commits, possessions, repositories, roots
from tukar.catalog.operations import AddFile, DeleteFile
from tukar.catalog.values import Repository, User
from tukar.database import Transaction
from tukar.objects.tables import files

from .conftest import NOW, Land


def live(tx: Transaction) -> set[str]:
    """The sha256 of all files that a root names."""
    ids = [tx.execute(query).scalars() for query in roots.live_files()]
    needed = {file_id for some in ids for file_id in some}
    return set(tx.execute(sa.select(files.c.sha256).where(files.c.id.in_(needed))).scalars())


def test_what_any_commit_links_is_live_until_its_repository_goes(
    tx: Transaction, repository: Repository, ada: User, land: Land
) -> None:
    one, two = land(b"one"), land(b"two")
    for operation in (AddFile.regular("x", b"one"), DeleteFile("x")):
        commits.commit(tx, repository, [operation], author=ada, title="t", now=NOW)
        assert live(tx) == {one}
    commits.commit(tx, repository, [AddFile.regular("x", b"two")], author=ada, title="t", now=NOW)
    assert live(tx) == {one, two}
    repositories.delete(tx, repository)
    assert live(tx) == set()


def test_what_was_sent_lately_and_not_committed_is_pending(
    tx: Transaction, repository: Repository, ada: User, land: Land
) -> None:
    ids = []
    for number in range(3):
        land(b"%d" % number)
        ids.append(tx.execute(sa.select(sa.func.max(files.c.id))).scalar_one())
        possessions.record(tx, ada.id, ids[-1], now=NOW + number)
    commits.commit(tx, repository, [AddFile.regular("x", b"2")], author=ada, title="t", now=NOW)

    def pending(since: float) -> set[int]:
        return set(tx.execute(roots.pending_files(since)).scalars())

    assert pending(NOW) == {ids[0], ids[1]}
    assert pending(NOW + 1) == {ids[1]}
    assert pending(NOW + 1.5) == set()
