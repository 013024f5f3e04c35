"""Any sequence of commits gives what a plain dict would hold, under the ids that git computes for it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.catalog import commits, repositories, revisions, trees
from tukar.catalog.git import lfs_pointer
from tukar.catalog.operations import AddFile, DeleteFile, DeleteFolder, Operation
from tukar.catalog.values import Commit, Entry, Repository, User
from tukar.database import Transaction
from tukar.errors import EntryNotFound, Invalid
from tukar.types import RepoId

from .conftest import NOW, Land

CONTENTS = [b"", b"one", b"two"]
Files = dict[str, AddFile]

paths = st.lists(st.sampled_from(["a", "b", "a.b", "A", "é"]), min_size=1, max_size=3).map("/".join)


def added(path: str, content: bytes, lfs: bool) -> AddFile:
    regular = AddFile.regular(path, content)
    return AddFile.large(path, regular.sha256, regular.size) if lfs and content else regular


operations = st.one_of(
    st.builds(added, paths, st.sampled_from(CONTENTS), st.booleans()),
    st.builds(DeleteFile, paths),
    st.builds(DeleteFolder, paths),
)
sequences = st.lists(st.lists(operations, max_size=5), max_size=6)


def applied(files: Files, operation: Operation) -> Files | None:
    """The files after an operation; None where it must be refused."""
    path = operation.path
    below = {other for other in files if other.startswith(path + "/")}
    match operation:
        case AddFile():
            above = ("/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1))
            return None if below or any(folder in files for folder in above) else {**files, path: operation}
        case DeleteFile():
            return {other: file for other, file in files.items() if other != path} if path in files else None
        case DeleteFolder():
            return {other: file for other, file in files.items() if other not in below} if below else None


@dataclass
class Run:
    """A repository and what should be in it."""

    tx: Transaction
    repository: Repository
    user: User
    files: Files
    now: float = NOW

    def commit(self, operations: list[Operation]) -> Commit | None:
        """One commit, refused or not, as the model says."""
        self.now += 1
        expected: Files | None = self.files
        for operation in operations:
            expected = None if expected is None else applied(expected, operation)
        try:
            made = commits.commit(
                self.tx, self.repository, operations, author=self.user, title=f"at {self.now}", now=self.now
            )
        except (EntryNotFound, Invalid):
            assert expected is None
            return None
        assert expected is not None
        self.files = expected
        return made

    def check(self, commit: Commit, files: Files) -> None:
        listing = trees.listing(self.tx, self.repository.id, commit.tree_oid, recursive=True)
        found = {entry.path: entry for entry in listing if entry.kind == "file"}
        assert found == {
            path: Entry(path, "file", file.oid, file.size, file.sha256, file.lfs) for path, file in files.items()
        }
        folders = {entry.path for entry in listing if entry.kind == "folder"}
        assert folders == {path[:at] for path in files for at, sign in enumerate(path) if sign == "/"}
        assert trees.find(self.tx, self.repository.id, commit.tree_oid, [*found, *folders]) == {
            entry.path: entry for entry in listing
        }


names = count()


@pytest.fixture
def user(tx: Transaction, ada: User, land: Land) -> User:
    for content in CONTENTS:
        land(content)
    return ada


def start(tx: Transaction, user: User) -> tuple[Run, Commit]:
    repository = repositories.create(tx, RepoId(user.name, f"run{next(names)}"), private=False, now=NOW)
    return Run(tx, repository, user, {}), commits.start(tx, repository, author=user, now=NOW)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=sequences)
def test_every_revision_holds_what_was_committed(tx: Transaction, user: User, sequence: list[list[Operation]]) -> None:
    run, first = start(tx, user)
    held: dict[str, Files] = {first.oid: {}}
    line = [first]
    for operations in sequence:
        before = run.files
        made = run.commit(operations)
        if made is not None and run.files != before:
            held[made.oid] = run.files
            line.append(made)
    for commit in line:
        run.check(commit, held[commit.oid])
    assert revisions.history(tx, run.repository, line[-1]) == line[::-1]


def test_git_reads_the_same_history(tx: Transaction, user: User, tmp_path: Path) -> None:
    run, first = start(tx, user)
    line = [first]
    for operations in (
        [added("a/b", b"one", True), added("a.b", b"two", False), added("é/a", b"", False)],
        [DeleteFolder("a"), added("a", b"two", False)],
        [DeleteFile("a"), added("a/a/a", b"one", False), added("b", b"two", True)],
    ):
        made = run.commit(operations)
        assert made is not None
        line.append(made)
    imported = import_into_git(tmp_path, run, line)
    assert imported == [commit.oid for commit in line]
    subprocess.run(["git", "-C", tmp_path, "fsck", "--strict"], check=True, stdout=subprocess.DEVNULL)


def import_into_git(folder: Path, run: Run, line: list[Commit]) -> list[str]:
    """Make the same commits with git itself; returns their ids."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    contents = {AddFile.regular("x", content).sha256: content for content in CONTENTS}
    stream = b""
    for mark, commit in enumerate(line, 1):
        message = f"{commit.title}\n".encode()
        stream += b"commit refs/heads/main\nmark :%d\n" % mark
        stream += b"committer Ada <> %d +0000\ndata %d\n%s\n" % (int(commit.created_at), len(message), message)
        stream += b"from :%d\n" % (mark - 1) if mark > 1 else b""
        stream += b"deleteall\n"
        for entry in trees.listing(run.tx, run.repository.id, commit.tree_oid, recursive=True):
            if entry.sha256 is not None:
                data = lfs_pointer(entry.sha256, entry.size) if entry.lfs else contents[entry.sha256]
                stream += b"M 100644 inline %s\ndata %d\n%s\n" % (entry.path.encode(), len(data), data)
    marks = folder / "marks"
    command = ["git", "-C", str(folder), "fast-import", "--quiet", f"--export-marks={marks}"]
    subprocess.run(command, input=stream, check=True)
    by_mark = dict(line.split() for line in marks.read_text().splitlines())
    return [by_mark[f":{mark}"] for mark in range(1, len(line) + 1)]
