"""Repositories are created, found, listed and deleted."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.catalog import commits, repositories, tables
from tukar.catalog.operations import AddFile
from tukar.catalog.repositories import RepositoryExists
from tukar.catalog.values import ANONYMOUS, Identity, Repository, User
from tukar.database import Transaction
from tukar.errors import RepoNotFound
from tukar.types import RepoId

from .conftest import NOW, Land


def test_names_keep_their_case_and_are_found_without_it(tx: Transaction, ada: User) -> None:
    made = repositories.create(tx, RepoId("ada", "Tiny-LM"), private=False, now=NOW)
    assert str(made) == "Ada/Tiny-LM"  # the namespace as its owner writes it
    assert repositories.get(tx, ANONYMOUS, RepoId("ADA", "tiny-lm")) == made
    assert made.repo_id == RepoId("Ada", "Tiny-LM", "model")


def test_a_name_is_given_once_for_each_type(tx: Transaction) -> None:
    made = repositories.create(tx, RepoId("lab", "x"), private=True, now=NOW)
    repositories.create(tx, RepoId("lab", "x", "dataset"), private=False, now=NOW)
    with pytest.raises(RepositoryExists) as caught:
        repositories.create(tx, RepoId("LAB", "X"), private=False, now=NOW)
    assert caught.value.repository == made


def test_a_private_repository_looks_like_none_to_others(tx: Transaction, ada: User, bob: User) -> None:
    made = repositories.create(tx, RepoId("Ada", "secret"), private=True, now=NOW)
    assert repositories.get(tx, Identity(ada, "read"), RepoId("ada", "secret")) == made
    with pytest.raises(RepoNotFound) as hidden:
        repositories.get(tx, Identity(bob, "write"), RepoId("Ada", "secret"))
    with pytest.raises(RepoNotFound) as missing:
        repositories.get(tx, Identity(bob, "write"), RepoId("Ada", "nothing"))
    assert hidden.value.message.replace("secret", "nothing") == missing.value.message
    assert hidden.value.hint == missing.value.hint


class TestListing:
    @pytest.fixture(autouse=True)
    def made(self, tx: Transaction, ada: User) -> list[Repository]:
        names = ["Ada/one", "Ada/two_50%", "bob/one-b", "bob/hidden", "Ada/data"]
        return [
            repositories.create(
                tx,
                RepoId.parse(name) if name != "Ada/data" else RepoId("Ada", "data", "dataset"),
                private=name == "bob/hidden",
                now=NOW + index // 2,
            )
            for index, name in enumerate(name.replace("%", "") for name in names)
        ]

    def names(self, tx: Transaction, identity: Identity = ANONYMOUS, **filters: object) -> list[str]:
        return [str(one) for one in repositories.listing(tx, identity, **filters)]  # type: ignore[arg-type]

    def test_newest_first_and_only_what_may_be_read(self, tx: Transaction, bob: User) -> None:
        assert self.names(tx) == ["Ada/data", "bob/one-b", "Ada/two_50", "Ada/one"]
        assert self.names(tx, Identity(bob, "read"))[1] == "bob/hidden"

    def test_by_type_author_and_text(self, tx: Transaction) -> None:
        assert self.names(tx, type="dataset") == ["Ada/data"]
        assert self.names(tx, author="ADA", type="model") == ["Ada/two_50", "Ada/one"]
        assert self.names(tx, search="ONE") == ["bob/one-b", "Ada/one"]
        assert self.names(tx, search="b/o") == ["bob/one-b"]

    def test_signs_of_patterns_stand_for_themselves(self, tx: Transaction) -> None:
        assert self.names(tx, search="_") == ["Ada/two_50"]
        for text in ("%", "\x00", "\udcff"):
            assert self.names(tx, search=text) == []
            assert self.names(tx, author=text) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 10])
    @pytest.mark.parametrize("order", ["created_at", "updated_at"])
    def test_pages_put_together_are_the_whole(
        self, tx: Transaction, bob: User, made: list[Repository], limit: int, order: repositories.Order
    ) -> None:
        repositories.touch(tx, made[0], NOW + 1)
        asker = Identity(bob, "read")
        whole = repositories.listing(tx, asker, order=order)
        pages, after = [], None
        while page := repositories.listing(tx, asker, order=order, after=after, limit=limit):
            assert len(page) <= limit
            pages += page
            after = repositories.cursor(page[-1], order)
        assert pages == whole
        assert len(whole) == 5

    def test_by_last_change(self, tx: Transaction, made: list[Repository]) -> None:
        repositories.touch(tx, made[0], NOW + 9)
        assert self.names(tx, order="updated_at")[0] == "Ada/one"


def test_a_card_is_kept_and_dropped(tx: Transaction, repository: Repository) -> None:
    for card in ('{"license":"mit"}', None):
        repositories.set_card(tx, repository, card)
        assert repositories.get(tx, ANONYMOUS, repository.repo_id).card == card


def test_deleting_forgets_the_history_and_frees_the_name(
    tx: Transaction, repository: Repository, ada: User, land: Land
) -> None:
    land(b"x")
    kept = repositories.create(tx, RepoId("Ada", "kept"), private=False, now=NOW)
    for one in (kept, repository):
        if one is kept:
            commits.start(tx, one, author=ada, now=NOW)
        commits.commit(tx, one, [AddFile.regular("a/b", b"x")], author=ada, title="t", now=NOW)
    repositories.delete(tx, repository)
    with pytest.raises(RepoNotFound):
        repositories.get(tx, ANONYMOUS, repository.repo_id)
    for table in (tables.refs, tables.commits, tables.tree_entries, tables.repository_files):
        assert set(tx.execute(sa.select(table.c.repository_id)).scalars()) == {kept.id}
    again = repositories.create(tx, repository.repo_id, private=False, now=NOW)
    assert again.id not in (kept.id, repository.id)


def test_storage_counts_each_file_once(tx: Transaction, repository: Repository, ada: User, land: Land) -> None:
    empty = repositories.create(tx, RepoId("Ada", "empty"), private=False, now=NOW)
    for content in (b"123", b"12345"):
        land(content)
    operations = [AddFile.regular("a", b"123"), AddFile.regular("b", b"123"), AddFile.regular("c", b"12345")]
    commits.commit(tx, repository, operations, author=ada, title="t", now=NOW)
    assert repositories.used_storage(tx, [repository, empty]) == {repository.id: 8, empty.id: 0}
