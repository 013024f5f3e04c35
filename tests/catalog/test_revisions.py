"""What names a revision, and what came before it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.catalog import commits, repositories, revisions, tables
from tukar.catalog.operations import AddFile
from tukar.catalog.values import Commit, Ref, Repository, User
from tukar.database import Transaction
from tukar.errors import RevisionNotFound
from tukar.types import RepoId

from .conftest import NOW, Land

LENGTH = 6


@pytest.fixture
def line(tx: Transaction, repository: Repository, ada: User, land: Land) -> list[Commit]:
    """The commits of main, oldest first."""
    made = [revisions.resolve(tx, repository, "main")]
    for number in range(1, LENGTH):
        content = b"%d" % number
        land(content)
        operations = [AddFile.regular("x", content)]
        made.append(commits.commit(tx, repository, operations, author=ada, title=f"{number}", now=NOW + number))
    return made


def set_ref(tx: Transaction, repository: Repository, name: str, commit: Commit) -> None:
    tx.execute(sa.insert(tables.refs).values(repository_id=repository.id, name=name, commit_oid=commit.oid))


@pytest.mark.parametrize("name", ["main", "HEAD", "refs/heads/main"])
def test_the_head_of_main(tx: Transaction, repository: Repository, line: list[Commit], name: str) -> None:
    assert revisions.resolve(tx, repository, name) == line[-1]


@pytest.mark.parametrize("digits", [7, 39, 40])
def test_a_commit_by_its_id(tx: Transaction, repository: Repository, line: list[Commit], digits: int) -> None:
    for commit in line:
        assert revisions.resolve(tx, repository, commit.oid[:digits]) == commit


@pytest.mark.parametrize(
    "name",
    [
        "",
        "other",
        "refs/heads/other",
        "refs/heads",
        "Main",
        "0" * 40,
        "0" * 7,
        "main\x00",
        "\udcff",
        "..",
        "refs/pr/1",
        "%",
    ],
)
def test_nothing_by_that_name(tx: Transaction, repository: Repository, line: list[Commit], name: str) -> None:
    with pytest.raises(RevisionNotFound):
        revisions.resolve(tx, repository, name)


def test_too_few_digits_or_capitals_name_nothing(tx: Transaction, repository: Repository, line: list[Commit]) -> None:
    head = line[-1]
    for name in (head.oid[:6], head.oid.upper() if head.oid.upper() != head.oid else "A" * 40):
        with pytest.raises(RevisionNotFound):
            revisions.resolve(tx, repository, name)


def test_digits_that_two_commits_begin_with_name_neither(tx: Transaction, repository: Repository) -> None:
    head = revisions.resolve(tx, repository, "main")
    base = "abcdef0123"
    for last in "0f":
        row = {"oid": base + last * 30, "tree_oid": head.tree_oid, "author": "x", "title": "x", "message": ""}
        tx.execute(sa.insert(tables.commits).values(repository_id=repository.id, created_at=NOW, **row))
    with pytest.raises(RevisionNotFound):
        revisions.resolve(tx, repository, base)
    assert revisions.resolve(tx, repository, base + "f").oid == base + "f" * 30


def test_a_commit_of_another_repository_is_not_found(
    tx: Transaction, repository: Repository, line: list[Commit], ada: User
) -> None:
    other = repositories.create(tx, RepoId("Ada", "other"), private=False, now=NOW)
    commits.start(tx, other, author=ada, now=NOW + 100)
    for digits in (40, 12):
        with pytest.raises(RevisionNotFound):
            revisions.resolve(tx, other, line[-1].oid[:digits])
    with pytest.raises(RevisionNotFound):
        revisions.resolve(tx, repository, revisions.resolve(tx, other, "main").oid)


def test_branches_come_before_tags(tx: Transaction, repository: Repository, line: list[Commit]) -> None:
    set_ref(tx, repository, "refs/tags/v1", line[1])
    set_ref(tx, repository, "refs/tags/both", line[1])
    set_ref(tx, repository, "refs/heads/both", line[2])
    set_ref(tx, repository, "refs/heads/feature/x", line[3])
    assert revisions.resolve(tx, repository, "v1") == line[1]
    assert revisions.resolve(tx, repository, "both") == line[2]
    assert revisions.resolve(tx, repository, "refs/tags/both") == line[1]
    assert revisions.resolve(tx, repository, "feature/x") == line[3]


def test_a_branch_cannot_pass_for_a_commit(tx: Transaction, repository: Repository, line: list[Commit]) -> None:
    set_ref(tx, repository, f"refs/heads/{line[0].oid}", line[1])
    assert revisions.resolve(tx, repository, line[0].oid) == line[0]


def test_refs_by_name(tx: Transaction, repository: Repository, line: list[Commit]) -> None:
    set_ref(tx, repository, "refs/tags/v1", line[1])
    set_ref(tx, repository, "refs/heads/a", line[2])
    assert revisions.refs(tx, repository) == [
        Ref("refs/heads/a", line[2].oid),
        Ref("refs/heads/main", line[-1].oid),
        Ref("refs/tags/v1", line[1].oid),
    ]


@pytest.mark.parametrize(("skip", "limit"), [(0, 50), (0, 2), (2, 3), (5, 5), (6, 5)])
def test_history_in_pages(tx: Transaction, repository: Repository, line: list[Commit], skip: int, limit: int) -> None:
    expected = line[::-1][skip : skip + limit]
    assert revisions.history(tx, repository, line[-1], skip=skip, limit=limit) == expected


def test_history_begins_where_one_asks(tx: Transaction, repository: Repository, line: list[Commit]) -> None:
    assert revisions.history(tx, repository, line[2]) == line[2::-1]
    assert revisions.count(tx, repository, line[2]) == 3
    assert revisions.count(tx, repository, line[-1]) == LENGTH
