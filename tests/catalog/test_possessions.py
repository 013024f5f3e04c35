"""A digest gives no right to the bytes."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.catalog import commits, possessions, repositories, tables
from tukar.catalog.operations import AddFile
from tukar.catalog.values import ANONYMOUS, Identity, Repository, User
from tukar.database import Transaction
from tukar.objects.tables import files
from tukar.types import RepoId

from .conftest import NOW, Land


def put(tx: Transaction, user: User, name: str, content: bytes, private: bool) -> Repository:
    repository = repositories.create(tx, RepoId(user.name, name), private=private, now=NOW)
    commits.start(tx, repository, author=user, now=NOW, operations=[AddFile.regular("x", content)])
    return repository


def id_of(tx: Transaction, sha256: str) -> int:
    return tx.execute(sa.select(files.c.id).where(files.c.sha256 == sha256)).scalar_one()


@pytest.fixture
def target(tx: Transaction, bob: User) -> Repository:
    """Where Bob would link what he may."""
    return repositories.create(tx, RepoId("bob", "target"), private=False, now=NOW)


def test_what_the_hub_has_from_others_is_out_of_reach(
    tx: Transaction, land: Land, ada: User, bob: User, target: Repository
) -> None:
    sha256 = land(b"secret")
    put(tx, ada, "private", b"secret", private=True)
    possessions.record(tx, ada.id, id_of(tx, sha256), now=NOW)
    for asker in (Identity(bob, "write"), ANONYMOUS):
        assert possessions.may_link(tx, asker, target, sha256) is None
        assert possessions.linkable(tx, asker, [sha256]) == {}


def test_what_one_sent_oneself(tx: Transaction, land: Land, bob: User, target: Repository) -> None:
    sha256 = land(b"mine")
    possessions.record(tx, bob.id, id_of(tx, sha256), now=NOW)
    assert possessions.may_link(tx, Identity(bob, "write"), target, sha256) == id_of(tx, sha256)
    possessions.settle(tx, bob, [id_of(tx, sha256)])
    assert possessions.may_link(tx, Identity(bob, "write"), target, sha256) == id_of(tx, sha256)


def test_what_is_public(tx: Transaction, land: Land, ada: User, bob: User, target: Repository) -> None:
    sha256 = land(b"public")
    put(tx, ada, "public", b"public", private=False)
    for asker in (Identity(bob, "write"), ANONYMOUS):
        assert possessions.may_link(tx, asker, target, sha256) == id_of(tx, sha256)


def test_what_is_in_a_private_repository_of_ones_own(tx: Transaction, land: Land, ada: User, bob: User) -> None:
    sha256 = land(b"secret")
    private = put(tx, ada, "private", b"secret", private=True)
    asker = Identity(ada, "read")
    assert possessions.linkable(tx, asker, [sha256]) == {sha256: id_of(tx, sha256)}
    assert possessions.may_link(tx, asker, private, sha256) == id_of(tx, sha256)


def test_an_administrator_reads_all_but_does_not_own_what_others_only_sent(
    tx: Transaction, land: Land, ada: User, admin: Identity, target: Repository
) -> None:
    committed, sent = land(b"committed"), land(b"sent")
    put(tx, ada, "private", b"committed", private=True)
    possessions.record(tx, ada.id, id_of(tx, sent), now=NOW)
    assert possessions.may_link(tx, admin, target, committed) is not None
    assert possessions.may_link(tx, admin, target, sent) is None


def test_what_the_hub_does_not_have(tx: Transaction, admin: Identity, target: Repository) -> None:
    assert possessions.may_link(tx, admin, target, "0" * 64) is None


def test_many_at_once(tx: Transaction, land: Land, bob: User, target: Repository) -> None:
    digests = [land(b"%d" % number) for number in range(501)]
    for sha256 in digests[::2]:
        possessions.record(tx, bob.id, id_of(tx, sha256), now=NOW)
    assert possessions.linkable(tx, Identity(bob, "read"), digests).keys() == set(digests[::2])


def test_a_repository_holds_what_its_commits_link(tx: Transaction, land: Land, ada: User, target: Repository) -> None:
    one, two = land(b"one"), land(b"two")
    repository = put(tx, ada, "public", b"one", private=False)
    assert possessions.holds(tx, repository.id, one)
    assert not possessions.holds(tx, repository.id, two)
    assert not possessions.holds(tx, target.id, one)
    assert possessions.held(tx, repository.id, [one, two]) == {one: id_of(tx, one)}


def test_what_is_sent_again_is_pending_again(tx: Transaction, land: Land, bob: User) -> None:
    file_id = id_of(tx, land(b"x"))
    columns = tables.possessions.c
    for at in (NOW, NOW + 5):
        possessions.record(tx, bob.id, file_id, now=at)
        assert tx.execute(sa.select(columns.at, columns.pending)).all() == [(at, True)]
        possessions.settle(tx, bob, [file_id])
        assert tx.execute(sa.select(columns.at, columns.pending)).all() == [(at, False)]


def test_a_file_that_is_freed_is_nobodys(tx: Transaction, land: Land, bob: User, target: Repository) -> None:
    sha256 = land(b"x")
    possessions.record(tx, bob.id, id_of(tx, sha256), now=NOW)
    tx.execute(sa.delete(files).where(files.c.sha256 == sha256))
    assert possessions.may_link(tx, Identity(bob, "write"), target, sha256) is None
    assert tx.execute(sa.select(tables.possessions)).all() == []
