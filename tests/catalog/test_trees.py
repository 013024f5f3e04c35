"""Folders: found, listed and edited."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
import sqlalchemy as sa

from tukar.catalog import tables, trees
from tukar.catalog.drafts import Draft
from tukar.catalog.git import EMPTY_TREE, blob_oid, tree_oid
from tukar.catalog.values import Entry, Repository
from tukar.database import Transaction
from tukar.errors import EntryNotFound, Invalid

PATHS = ["z.txt", "a/b/c/deep.txt", "a/x.txt", "a.txt", "B/y.txt", "a/b.txt", "a/b/two.txt"]


def entry(path: str, content: bytes | None = None) -> Entry:
    data = path.encode() if content is None else content
    return Entry(path, "file", blob_oid(data), len(data), hashlib.sha256(data).hexdigest())


def build(tx: Transaction, repository: Repository, paths: Iterable[str], root: str = EMPTY_TREE) -> str:
    draft = Draft(tx, repository.id, root)
    for path in paths:
        draft.put(entry(path))
    root_oid = draft.seal()
    draft.save()
    return root_oid


def paths_of(entries: Iterable[Entry]) -> list[str]:
    return [one.path for one in entries]


def row_count(tx: Transaction) -> int:
    return tx.execute(sa.select(sa.func.count()).select_from(tables.tree_entries)).scalar_one()


@pytest.fixture
def root(tx: Transaction, repository: Repository) -> str:
    return build(tx, repository, PATHS)


class TestReading:
    def test_folders_come_before_files_each_by_name(self, tx: Transaction, repository: Repository, root: str) -> None:
        assert paths_of(trees.listing(tx, repository.id, root)) == ["B", "a", "a.txt", "z.txt"]
        assert paths_of(trees.listing(tx, repository.id, root, "a")) == ["a/b", "a/b.txt", "a/x.txt"]

    def test_a_recursive_listing_follows_each_folder_with_what_is_in_it(
        self, tx: Transaction, repository: Repository, root: str
    ) -> None:
        below_a = ["a/b", "a/b/c", "a/b/c/deep.txt", "a/b/two.txt", "a/b.txt", "a/x.txt"]
        assert paths_of(trees.listing(tx, repository.id, root, recursive=True)) == [
            "B", "B/y.txt", "a", *below_a, "a.txt", "z.txt",
        ]  # fmt: skip
        assert paths_of(trees.listing(tx, repository.id, root, "a", recursive=True)) == below_a

    def test_the_same_folder_in_two_places_is_listed_in_both(self, tx: Transaction, repository: Repository) -> None:
        draft = Draft(tx, repository.id)
        for path in ("one/in/x", "two/in/x", "in/x"):
            draft.put(entry(path, b"same"))
        root = draft.seal()
        draft.save()
        listed = trees.listing(tx, repository.id, root, recursive=True)
        assert paths_of(one for one in listed if one.kind == "file") == ["in/x", "one/in/x", "two/in/x"]
        assert row_count(tx) == 5  # x; in (which one and two share); one, two, in

    def test_the_empty_tree_has_nothing(self, tx: Transaction, repository: Repository) -> None:
        assert trees.listing(tx, repository.id, EMPTY_TREE, recursive=True) == []

    @pytest.mark.parametrize("path", ["nothing", "a.txt", "a/nothing", "a.txt/b", "a/", "/a"])
    def test_there_is_no_such_folder(self, tx: Transaction, repository: Repository, root: str, path: str) -> None:
        with pytest.raises(EntryNotFound):
            trees.listing(tx, repository.id, root, path)

    @pytest.mark.parametrize("path", PATHS)
    def test_a_file_is_found(self, tx: Transaction, repository: Repository, root: str, path: str) -> None:
        assert trees.lookup(tx, repository.id, root, path) == entry(path)

    def test_a_folder_is_found(self, tx: Transaction, repository: Repository, root: str) -> None:
        assert trees.lookup(tx, repository.id, root, "") == Entry("", "folder", root)
        expected = tree_oid([("deep.txt", "file", entry("a/b/c/deep.txt").oid)])
        assert trees.lookup(tx, repository.id, root, "a/b/c") == Entry("a/b/c", "folder", expected)

    @pytest.mark.parametrize(
        "path", ["A", "a/b/", "/a", "a//b", "a/b/c/deep.txt/x", "a/../a", "\x00", "\udcff", "z.txt\x00", "/"]
    )
    def test_what_is_not_there_is_not_found(
        self, tx: Transaction, repository: Repository, root: str, path: str
    ) -> None:
        assert trees.lookup(tx, repository.id, root, path) is None

    def test_many_are_found_at_once_and_the_missing_left_out(
        self, tx: Transaction, repository: Repository, root: str
    ) -> None:
        found = trees.find(tx, repository.id, root, [*PATHS, "a", "nothing", "a/nothing"])
        assert found.keys() == {*PATHS, "a"}
        assert all(found[path] == entry(path) for path in PATHS)

    def test_another_repository_does_not_have_them(self, tx: Transaction, repository: Repository, root: str) -> None:
        assert trees.lookup(tx, repository.id + 1, root, "a.txt") is None


class TestEditing:
    @pytest.fixture
    def draft(self, tx: Transaction, repository: Repository, root: str) -> Draft:
        return Draft(tx, repository.id, root)

    def test_one_change_keeps_only_the_folders_on_its_way_anew(
        self, tx: Transaction, repository: Repository, root: str, draft: Draft
    ) -> None:
        before = row_count(tx)
        draft.put(entry("B/new.txt"))
        new = draft.seal()
        draft.save()
        assert row_count(tx) - before == 2 + 4  # B, the root
        assert paths_of(trees.listing(tx, repository.id, new, "B")) == ["B/new.txt", "B/y.txt"]
        assert paths_of(trees.listing(tx, repository.id, root, "B")) == ["B/y.txt"]

    def test_the_same_tree_is_kept_once(self, tx: Transaction, repository: Repository, root: str) -> None:
        before = row_count(tx)
        assert build(tx, repository, reversed(PATHS)) == root
        assert row_count(tx) == before

    def test_putting_what_is_there_changes_nothing(self, draft: Draft, root: str) -> None:
        for path in PATHS:
            draft.put(entry(path))
        assert draft.seal() == root

    def test_what_is_removed_and_put_again_is_unchanged(self, draft: Draft, root: str) -> None:
        draft.remove("a", "folder")
        assert draft.seal() != root
        for path in PATHS:
            draft.put(entry(path))
        assert draft.seal() == root

    def test_a_folder_that_is_left_empty_vanishes(self, tx: Transaction, repository: Repository, draft: Draft) -> None:
        for path in ("a/b/c/deep.txt", "a/b/two.txt"):
            draft.remove(path, "file")
        root = draft.seal()
        draft.save()
        assert paths_of(trees.listing(tx, repository.id, root, "a", recursive=True)) == ["a/b.txt", "a/x.txt"]
        draft.put(entry("a/b", b"a file where the folder was"))

    def test_removing_everything_leaves_the_empty_tree(self, draft: Draft) -> None:
        for path in PATHS:
            draft.remove(path, "file")
        assert draft.seal() == EMPTY_TREE
        draft.save()

    def test_a_file_takes_the_place_of_a_file(self, tx: Transaction, repository: Repository, draft: Draft) -> None:
        draft.put(entry("a/x.txt", b"new"))
        root = draft.seal()
        draft.save()
        assert trees.lookup(tx, repository.id, root, "a/x.txt") == entry("a/x.txt", b"new")

    @pytest.mark.parametrize("path", ["a", "a/b", "a.txt/x", "a/x.txt/y/z"])
    def test_a_file_does_not_take_the_place_of_a_folder_nor_a_folder_that_of_a_file(
        self, draft: Draft, path: str
    ) -> None:
        with pytest.raises(Invalid, match=path):
            draft.put(entry(path))

    def test_after_the_one_is_deleted_the_other_may_come(self, draft: Draft) -> None:
        draft.remove("a", "folder")
        draft.put(entry("a"))
        draft.remove("a", "file")
        draft.put(entry("a/b"))
        assert draft.seal() != EMPTY_TREE

    @pytest.mark.parametrize(
        ("path", "kind"),
        [("nothing", "file"), ("a", "file"), ("a.txt", "folder"), ("a/nothing", "file"), ("z.txt/x", "file")],
    )
    def test_what_is_not_there_is_not_removed(self, draft: Draft, root: str, path: str, kind: str) -> None:
        with pytest.raises(EntryNotFound, match=path):
            draft.remove(path, kind)  # type: ignore[arg-type]
        assert draft.seal() == root

    def test_two_contents_that_git_cannot_tell_apart_are_refused(self, draft: Draft) -> None:
        old = entry("a.txt")
        with pytest.raises(Invalid, match="same id"):
            draft.put(Entry("a.txt", "file", old.oid, old.size, "0" * 64))

    def test_paths_may_be_as_deep_as_they_may_be_long(self, tx: Transaction, repository: Repository) -> None:
        path = "/".join("d" * 512)
        root = build(tx, repository, [path])
        assert trees.lookup(tx, repository.id, root, path) == entry(path)
        assert len(trees.listing(tx, repository.id, root, recursive=True)) == 512
        draft = Draft(tx, repository.id, root)
        draft.remove(path, "file")
        assert draft.seal() == EMPTY_TREE


@pytest.mark.parametrize("changed", [1, 499, 501, 1999])
def test_a_large_folder_of_which_some_files_change(tx: Transaction, repository: Repository, changed: int) -> None:
    names = [f"{number:05}.bin" for number in range(2_000)]
    root = build(tx, repository, names)
    draft = Draft(tx, repository.id, root)
    for name in names[:changed]:
        draft.put(entry(name, b"new"))
    draft.remove(names[-1], "file")
    draft.put(entry("new"))
    new = draft.seal()
    draft.save()
    expected = [entry(name, b"new") for name in names[:changed]] + [entry(name) for name in names[changed:-1]]
    assert trees.listing(tx, repository.id, new) == [*expected[:1_999], entry("new")]
    assert new == tree_oid((one.path, "file", one.oid) for one in trees.listing(tx, repository.id, new))
    assert trees.listing(tx, repository.id, root) == [entry(name) for name in names]


def test_the_work_for_one_file_does_not_grow_with_the_folder(tx: Transaction, repository: Repository) -> None:
    """Statements and rows that go through Python, not seconds."""
    statements: list[int] = []
    root = build(tx, repository, [f"{number:05}.bin" for number in range(3_000)])

    def note(_c: object, _cursor: object, _statement: str, parameters: object, _x: object, many: bool) -> None:
        statements.append(len(parameters) if many else 1)  # type: ignore[arg-type]

    sa.event.listen(tx, "before_cursor_execute", note)
    draft = Draft(tx, repository.id, root)
    draft.put(entry("new"))
    draft.seal()
    draft.save()
    sa.event.remove(tx, "before_cursor_execute", note)
    assert len(statements) <= 4
    assert sum(statements) <= 6
