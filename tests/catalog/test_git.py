"""Ids are those that the real git computes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tukar.catalog import git
from tukar.errors import Invalid

BLOB = git.blob_oid(b"x")

names = st.text(st.characters(codec="utf-8", exclude_characters="/\x00\n\t"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and name.lower() != ".git"
)


class Git:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self("init", "-q")
        assert self("hash-object", "-w", "--stdin", stdin=b"x") == BLOB

    def __call__(self, *arguments: str, stdin: bytes = b"") -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, input=stdin, check=True, stdout=subprocess.PIPE).stdout.decode().strip()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Git:
    return Git(tmp_path_factory.mktemp("git"))


@pytest.mark.parametrize("content", [b"", b"x", b"line\n" * 1000, bytes(range(256))])
def test_a_blob(real: Git, content: bytes) -> None:
    assert git.blob_oid(content) == real("hash-object", "--stdin", stdin=content)


def test_the_empty_tree(real: Git) -> None:
    assert git.tree_oid([]) == git.EMPTY_TREE == real("mktree")


def test_folders_sort_as_if_they_ended_in_a_slash(real: Git) -> None:
    entries = [("a", "folder", git.EMPTY_TREE), ("a.txt", "file", BLOB), ("a0", "file", BLOB), ("a-b", "file", BLOB)]
    assert git.tree_oid(entries) == mktree(real, entries)
    content = git.tree_content(entries)
    assert sorted([b"a-b", b"a.txt", b"a\0", b"a0"], key=content.index) == [b"a-b", b"a.txt", b"a\0", b"a0"]


@settings(max_examples=25, deadline=None)
@given(entries=st.dictionaries(names, st.sampled_from(["file", "folder"]), max_size=12))
def test_any_tree(real: Git, entries: dict[str, str]) -> None:
    rows = [(name, kind, BLOB if kind == "file" else git.EMPTY_TREE) for name, kind in entries.items()]
    assert git.tree_oid(rows) == mktree(real, rows)


@pytest.mark.parametrize("parents", [0, 1, 2])
@pytest.mark.parametrize("message", ["one\n", "one\n\ntwo\nthree\n", "ünï 日本\n"])
def test_a_commit(real: Git, parents: int, message: str) -> None:
    first = git.commit_oid(git.EMPTY_TREE, [], "Ada <>", 1, "first\n")
    second = git.commit_oid(git.EMPTY_TREE, [], "Ada <>", 2, "second\n")
    for at, text in ((1, "first\n"), (2, "second\n")):
        real("hash-object", "-w", "-t", "commit", "--stdin", stdin=commit_content([], at, text))
    before = [first, second][:parents]
    expected = commit_tree(real, before, 1_700_000_000, message)
    assert git.commit_oid(git.EMPTY_TREE, before, "Ada <>", 1_700_000_000, message) == expected


def test_what_git_cannot_keep_is_refused() -> None:
    for author, message in (("Ada", "x\n"), ("A\nda <>", "x\n"), ("Ada <>", "x\0\n"), ("A<da <>", "x\n")):
        with pytest.raises(Invalid):
            git.commit_content(git.EMPTY_TREE, [], author, 0, message)


def test_a_pointer_is_that_of_the_specification() -> None:
    sha256 = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    pointer = git.lfs_pointer(sha256, 12345)
    assert pointer == b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % sha256.encode()
    assert git.is_lfs_pointer(pointer)
    assert git.lfs_oid(sha256, 12345) == git.blob_oid(pointer)
    assert not git.is_lfs_pointer(b"a text about " + pointer)
    assert not git.is_lfs_pointer(pointer + b" " * 1024)


def mktree(real: Git, entries: list[tuple[str, str, str]]) -> str:
    modes = {"file": "100644 blob", "folder": "040000 tree"}
    lines = [f"{modes[kind]} {oid}\t{name}\0" for name, kind, oid in entries]
    return real("mktree", "-z", stdin="".join(lines).encode())


def commit_content(parents: list[str], at: int, message: str) -> bytes:
    return git.commit_content(git.EMPTY_TREE, parents, "Ada <>", at, message)


def commit_tree(real: Git, parents: list[str], at: int, message: str) -> str:
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", ""), ("DATE", f"{at} +0000"))
    }
    command = ["git", "-C", str(real.folder), "commit-tree", git.EMPTY_TREE, "-F", "-"]
    command += [argument for parent in parents for argument in ("-p", parent)]
    result = subprocess.run(command, input=message.encode(), check=True, stdout=subprocess.PIPE, env=identity)
    return result.stdout.decode().strip()
