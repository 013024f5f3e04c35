"""One commit: what it changes, what it refuses, and what happens when it is sent again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.catalog import commits, possessions, repositories, revisions, tables, trees
from tukar.catalog.git import EMPTY_TREE, blob_oid, lfs_pointer
from tukar.catalog.operations import AddFile, DeleteFile, DeleteFolder, Operation
from tukar.catalog.values import ANONYMOUS, Commit, Repository, User
from tukar.database import Transaction
from tukar.errors import Conflict, EntryNotFound, Invalid, RevisionNotFound
from tukar.objects.tables import files
from tukar.types import RepoId

from .conftest import NOW, Land


class Author:
    """Commits to a repository as Ada, a second after the commit before."""

    def __init__(self, tx: Transaction, repository: Repository, user: User) -> None:
        self.tx, self.repository, self.user, self.now = tx, repository, user, NOW

    def __call__(self, *operations: Operation, title: str = "change", **options: str) -> Commit:
        self.now += 1
        return commits.commit(
            self.tx, self.repository, operations, author=self.user, title=title, now=self.now, **options
        )

    @property
    def head(self) -> Commit:
        return revisions.resolve(self.tx, self.repository, "main")

    def paths(self, commit: Commit) -> list[str]:
        listing = trees.listing(self.tx, self.repository.id, commit.tree_oid, recursive=True)
        return [entry.path for entry in listing if entry.kind == "file"]


@pytest.fixture
def commit(tx: Transaction, repository: Repository, ada: User, land: Land) -> Author:
    for content in (b"one", b"two", b"three"):
        land(content)
    return Author(tx, repository, ada)


ONE, TWO = AddFile.regular("one.txt", b"one"), AddFile.regular("folder/two.txt", b"two")


def file_id(tx: Transaction, operation: AddFile) -> int:
    return tx.execute(sa.select(files.c.id).where(files.c.sha256 == operation.sha256)).scalar_one()


class TestFirst:
    def test_a_new_repository_has_an_empty_main(self, commit: Author) -> None:
        assert commit.head == Commit(
            commit.head.oid, None, EMPTY_TREE, "Ada", "initial commit", "", float(int(NOW))
        )  # fmt: skip

    def test_it_may_have_files(self, tx: Transaction, ada: User, land: Land) -> None:
        land(b"one")
        repository = repositories.create(tx, RepoId("Ada", "second"), private=False, now=NOW)
        first = commits.start(tx, repository, author=ada, now=NOW, operations=[ONE])
        assert trees.lookup(tx, repository.id, first.tree_oid, "one.txt") is not None
        assert possessions.holds(tx, repository.id, ONE.sha256)

    def test_there_is_one_first(self, tx: Transaction, repository: Repository, ada: User) -> None:
        with pytest.raises(Conflict):
            commits.start(tx, repository, author=ada, now=NOW)


def test_a_commit_follows_the_head_and_becomes_it(commit: Author) -> None:
    before = commit.head
    made = commit(ONE, TWO, title="Add two files", message="for a reason")
    assert (made.parent_oid, made.title, made.message, made.author) == (
        before.oid, "Add two files", "for a reason", "Ada",
    )  # fmt: skip
    assert commit.head == made
    assert commit.paths(made) == ["folder/two.txt", "one.txt"]


def test_an_entry_says_what_was_added(tx: Transaction, commit: Author) -> None:
    large = AddFile.large("model.bin", TWO.sha256, TWO.size)
    made = commit(ONE, large)
    one, two = trees.listing(tx, commit.repository.id, made.tree_oid)[::-1]
    assert (one.oid, one.size, one.sha256, one.lfs) == (blob_oid(b"one"), 3, ONE.sha256, False)
    assert (two.oid, two.size, two.sha256, two.lfs) == (blob_oid(lfs_pointer(TWO.sha256, 3)), 3, TWO.sha256, True)


def test_the_repository_is_changed_at_that_time(tx: Transaction, commit: Author) -> None:
    commit(ONE)
    assert repositories.get(tx, ANONYMOUS, commit.repository.repo_id).updated_at == commit.now


def test_files_are_linked_revived_and_no_longer_pending(tx: Transaction, commit: Author, bob: User) -> None:
    one, two = file_id(tx, ONE), file_id(tx, TWO)
    tx.execute(sa.update(files).values(condemned_at=NOW))
    for user, id_ in ((commit.user, one), (commit.user, two), (bob, one)):
        possessions.record(tx, user.id, id_, now=NOW)
    commit(ONE)
    links = tables.repository_files.c
    assert tx.execute(sa.select(links.file_id).where(links.repository_id == commit.repository.id)).scalars().all() == [
        one
    ]
    spared = tx.execute(sa.select(files.c.id).where(files.c.condemned_at.is_(None))).scalars().all()
    assert spared == [one]
    columns = tables.possessions.c
    pending = tx.execute(sa.select(columns.user_id, columns.file_id).where(columns.pending)).all()
    assert set(pending) == {(commit.user.id, two), (bob.id, one)}


def test_a_linked_file_cannot_be_deleted(tx: Transaction, commit: Author) -> None:
    commit(ONE)
    with pytest.raises(sa.exc.IntegrityError), tx.begin_nested():
        tx.execute(sa.delete(files).where(files.c.sha256 == ONE.sha256))


class TestNothingChanges:
    @pytest.mark.parametrize("operations", [[], [ONE], [DeleteFile("one.txt"), ONE]])
    def test_the_head_stays(self, tx: Transaction, commit: Author, operations: list[Operation]) -> None:
        head = commit(ONE)
        time = commit.now
        assert commit(*operations, title="another") == head
        assert commit.head == head
        assert repositories.get(tx, ANONYMOUS, commit.repository.repo_id).updated_at == time

    def test_added_and_deleted_again(self, commit: Author) -> None:
        head = commit(ONE)
        assert commit(TWO, DeleteFolder("folder")) == head


class TestDelete:
    def test_a_file(self, commit: Author) -> None:
        commit(ONE, TWO)
        assert commit.paths(commit(DeleteFile("one.txt"))) == ["folder/two.txt"]

    def test_a_folder(self, commit: Author) -> None:
        commit(ONE, TWO)
        assert commit.paths(commit(DeleteFolder("folder"))) == ["one.txt"]

    def test_a_folder_that_is_filled_anew(self, commit: Author) -> None:
        commit(ONE, TWO)
        new = AddFile.regular("folder/three.txt", b"three")
        assert commit.paths(commit(DeleteFolder("folder"), new)) == ["folder/three.txt", "one.txt"]

    @pytest.mark.parametrize("operation", [DeleteFile("x"), DeleteFolder("x"), DeleteFile("folder"), DeleteFile("x/y")])
    def test_what_is_not_there(self, commit: Author, operation: Operation) -> None:
        head = commit(TWO)
        with pytest.raises(EntryNotFound):
            commit(ONE, operation)
        assert commit.head == head


class TestRefused:
    def test_a_file_that_the_hub_does_not_have(self, commit: Author) -> None:
        head = commit.head
        with pytest.raises(Invalid, match=r"folder/model\.bin.*0000"):
            commit(ONE, AddFile.large("folder/model.bin", "0" * 64, 3))
        assert commit.head == head

    @pytest.mark.parametrize("wrong_first", [True, False])
    def test_a_file_with_another_size(self, commit: Author, wrong_first: bool) -> None:
        operations = [AddFile.large("right.bin", ONE.sha256, 3), AddFile.large("wrong.bin", ONE.sha256, 4)]
        with pytest.raises(Invalid, match=r"wrong\.bin.* has 3 bytes, not 4"):
            commit(*(reversed(operations) if wrong_first else operations))

    def test_a_file_in_the_place_of_a_folder(self, commit: Author) -> None:
        commit(TWO)
        with pytest.raises(Invalid, match="is a folder"):
            commit(AddFile.regular("folder", b"one"))

    @pytest.mark.parametrize(
        "branch", ["other", "refs/heads/other", "refs/tags/main", "refs/main", "x\x00", "\udcff", ""]
    )
    def test_a_branch_that_is_not_there(self, commit: Author, branch: str) -> None:
        with pytest.raises(RevisionNotFound):
            commit(ONE, branch=branch)

    @pytest.mark.parametrize(
        "text",
        [
            {"title": ""},
            {"title": " \n "},
            {"title": "x" * 1_001},
            {"title": "a\0b"},
            {"title": "\udcff"},
            {"message": "x" * 100_001},
            {"message": "a\0b"},
        ],
    )
    def test_a_malformed_message(self, commit: Author, text: dict[str, str]) -> None:
        with pytest.raises(Invalid):
            commit(ONE, **text)

    @pytest.mark.parametrize(
        "values",
        [
            {"path": "../x"},
            {"path": ".git/config"},
            {"sha256": "A" * 64},
            {"sha256": ""},
            {"size": -1},
            {"size": 1 << 63},
            {"oid": "0" * 39},
        ],
    )
    def test_a_malformed_file(self, values: dict[str, object]) -> None:
        good = {"path": "x", "sha256": "0" * 64, "size": 0, "lfs": False, "oid": "0" * 40}
        AddFile(**good)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            AddFile(**good | values)  # type: ignore[arg-type]

    @pytest.mark.parametrize("operation", [DeleteFile, DeleteFolder])
    @pytest.mark.parametrize("path", ["", "/x", "x/", "a/../b"])
    def test_a_malformed_path_to_delete(self, operation: type[DeleteFile] | type[DeleteFolder], path: str) -> None:
        with pytest.raises(Invalid):
            operation(path)

    def test_a_pointer_in_the_place_of_its_file(self) -> None:
        with pytest.raises(Invalid, match="pointer"):
            AddFile.regular("model.bin", lfs_pointer("0" * 64, 3))


def test_lines_after_the_first_of_a_title_belong_to_the_message(commit: Author) -> None:
    made = commit(ONE, title=" Add one \n\n because\n", message="and so on\n")
    assert (made.title, made.message) == ("Add one", "because\n\nand so on")


class TestParent:
    @pytest.mark.parametrize("digits", [7, 12, 40])
    def test_the_branch_is_there(self, commit: Author, digits: int) -> None:
        assert commit(ONE, parent=commit.head.oid[:digits]) == commit.head

    def test_the_branch_has_moved(self, commit: Author) -> None:
        first = commit.head
        second = commit(ONE)
        with pytest.raises(Conflict, match=second.oid):
            commit(TWO, parent=first.oid)
        assert commit.head == second

    @pytest.mark.parametrize("parent", ["", "123456", "0" * 40, "main"])
    def test_it_is_no_commit_of_the_branch(self, commit: Author, parent: str) -> None:
        with pytest.raises(Conflict):
            commit(ONE, parent=parent)


class TestAgain:
    """A client that got no answer sends the same commit again."""

    def test_with_the_parent_that_it_had(self, commit: Author) -> None:
        parent = commit.head.oid
        assert commit(ONE, TWO, parent=parent) == commit(ONE, TWO, parent=parent) == commit.head

    def test_with_a_deletion(self, commit: Author) -> None:
        commit(ONE, TWO)
        assert commit(DeleteFile("one.txt")) == commit(DeleteFile("one.txt")) == commit.head

    def test_another_who_does_the_same_is_told(self, commit: Author, bob: User) -> None:
        parent = commit.head.oid
        commit(ONE, parent=parent)
        commit.user = bob
        with pytest.raises(Conflict):
            commit(ONE, parent=parent)

    def test_other_operations_under_the_same_title_are_told(self, commit: Author) -> None:
        parent = commit.head.oid
        commit(ONE, parent=parent)
        with pytest.raises(Conflict):
            commit(TWO, parent=parent)
        with pytest.raises(Conflict):
            commit(DeleteFile("nothing"), parent=parent)

    def test_with_another_parent_is_told(self, commit: Author) -> None:
        first = commit.head.oid
        commit(ONE)
        commit(TWO)
        with pytest.raises(Conflict):
            commit(TWO, parent=first)


def test_the_same_change_of_two_branches_in_one_second_is_one_commit(tx: Transaction, commit: Author) -> None:
    row = {"repository_id": commit.repository.id, "name": "refs/heads/other", "commit_oid": commit.head.oid}
    tx.execute(sa.insert(tables.refs).values(row))
    made = commit(ONE)
    commit.now -= 1
    assert commit(ONE, branch="other") == made
    assert {ref.commit_oid for ref in revisions.refs(tx, commit.repository)} == {made.oid}
