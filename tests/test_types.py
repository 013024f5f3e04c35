"""Names, paths and digests: what is let in."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.types import Digest, RepoId, check_name, check_namespace, check_path


@pytest.mark.parametrize("name", ["a", "A9", "_", "a-b", "a.b_c", "gpt2", "x" * 96, "0"])
def test_names_that_the_hub_allows(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        ".a",
        "a.",
        "a--b",
        "a..b",
        "a/b",
        "a b",
        "a\n",
        "ä",
        "a%",
        "x" * 97,
        "model.git",
        "a\x00",
        "..",
        ".",
    ],
)
def test_names_that_it_refuses(name: str) -> None:
    with pytest.raises(Invalid):
        check_name(name)


@pytest.mark.parametrize("name", ["api", "API", "datasets", "spaces", "xet", "lfs", "oauth", "v1", "ready", "static"])
def test_a_namespace_is_not_an_address_of_the_hub(name: str) -> None:
    assert check_name(name) == name
    with pytest.raises(Invalid, match="reserved"):
        check_namespace(name)


def test_a_repository_is_a_namespace_and_a_name() -> None:
    assert RepoId.parse("alice/tiny", "dataset") == RepoId("alice", "tiny", "dataset")
    assert str(RepoId("alice", "tiny")) == "alice/tiny"
    for text in ("tiny", "alice/", "/tiny", "a/b/c", "api/tiny", ""):
        with pytest.raises(Invalid):
            RepoId.parse(text)


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "model.safetensors",
        "a b/c+d%é~.txt",
        ".gitattributes",
        "...",
        "a/.gitignore/b",
        "日本語.md",
        "CON",
        "a" * 255,
        "/".join(["d"] * 64),
        "/".join(["x" * 204] * 4 + ["y" * 204]),  # 1,024 bytes
    ],
)
def test_paths_that_a_repository_holds(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a\\b",
        "..\\a",
        "a\x00b",
        "a\nb",
        "\x7f",
        ".git",
        ".GIT/config",
        "a/.Git",
        "a" * 256,
        "é" * 128,
        "/".join(["d"] * 65),
        "/".join(["x" * 204] * 4 + ["y" * 205]),
        "\ud800",
        "a/\udfff",
    ],
)
def test_paths_that_could_leave_the_folder_or_cost_too_much(path: str) -> None:
    with pytest.raises(Invalid):
        check_path(path)


@given(st.text())
def test_a_path_that_is_let_in_stays_below_its_folder(text: str) -> None:
    try:
        parts = check_path(text).split("/")
    except Invalid:
        return
    assert not {"", ".", ".."} & set(parts)
    assert len(text.encode()) <= 1024


def test_digests() -> None:
    digest = Digest.of(b"abc")
    assert str(digest) == digest.hex() == bytes(digest).hex()
    assert Digest.parse(str(digest)) == digest
    assert Digest.of(bytearray(b"abc")) == Digest.of(memoryview(b"abc")) == digest
    assert len(digest) == 32
    for text in (str(digest)[1:], str(digest).upper(), str(digest) + "\n", "g" * 64):
        with pytest.raises(Invalid):
            Digest.parse(text)
    with pytest.raises(Invalid):
        Digest(hashlib.sha1(b"").digest())
