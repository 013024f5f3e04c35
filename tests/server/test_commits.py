"""Preupload and commit: what goes where, and all or nothing."""

import base64
import hashlib
import json
from typing import Any

import pytest

from tukar.catalog.git import lfs_oid, lfs_pointer
from tukar.testing.models import tiny_safetensors

from .site import Site, lfs_file, regular_file


@pytest.fixture
def repository(site: Site) -> str:
    return site.repository()


def preupload(site: Site, repository: str, *files: tuple[str, bytes], size: int | None = None) -> list[dict[str, Any]]:
    asked = [
        {"path": path, "size": len(data) if size is None else size, "sample": base64.b64encode(data[:512]).decode()}
        for path, data in files
    ]
    answer = site.post(f"/api/models/{repository}/preupload/main", "alice", json={"files": asked})
    return list(answer.raise_for_status().json()["files"])


def paths(site: Site, repository: str) -> set[str]:
    entries = site.get(f"/api/models/{repository}/tree/main?recursive=true").json()
    return {entry["path"] for entry in entries if entry["type"] == "file"}


# Preupload


@pytest.mark.parametrize(
    ("path", "data", "mode"),
    [
        ("README.md", b"# text", "regular"),
        ("config.json", b"{}", "regular"),
        ("empty.bin", b"", "regular"),
        ("model.safetensors", b"x", "lfs"),
        ("a/MODEL.GGUF", b"x", "lfs"),
        ("noise", b"a\x00b", "lfs"),
        ("tokenizer.model", b"x", "lfs"),
        ("d.parquet/x.txt", b"text", "regular"),
    ],
)
def test_weights_and_binary_files_go_on_their_own(
    site: Site, repository: str, path: str, data: bytes, mode: str
) -> None:
    (item,) = preupload(site, repository, (path, data))
    assert item == {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": None}


def test_large_texts_go_on_their_own(site: Site, repository: str) -> None:
    limit = 10 << 20
    assert preupload(site, repository, ("a.txt", b"text"), size=limit)[0]["uploadMode"] == "regular"
    assert preupload(site, repository, ("a.txt", b"text"), size=limit + 1)[0]["uploadMode"] == "lfs"


def test_what_is_there_is_named(site: Site, repository: str) -> None:
    site.push_lfs(repository, "d/w.bin", b"weights")
    site.commit(repository, [regular_file("a.txt", b"text")]).raise_for_status()
    found = preupload(site, repository, ("d/w.bin", b"x"), ("a.txt", b"x"), ("d", b"x"), ("new", b"x"))
    git = hashlib.sha1(b"blob 4\x00text").hexdigest()
    assert [item["oid"] for item in found] == [hashlib.sha256(b"weights").hexdigest(), git, None, None]


def test_every_path_is_answered_in_order(site: Site, repository: str) -> None:
    names = [f"d/{number}.bin" for number in range(300)]
    assert [item["path"] for item in preupload(site, repository, *((name, b"x") for name in names))] == names


def test_pull_requests_are_not_there_yet(site: Site, repository: str) -> None:
    header = json.dumps({"key": "header", "value": {"summary": "s"}}).encode()
    for flag in ("1", "true", "True"):
        model = f"/api/models/{repository}"
        answers = [
            site.post(f"{model}/preupload/main?create_pr={flag}", "alice", json={"files": []}),
            site.post(f"{model}/commit/main?create_pr={flag}", "alice", content=header),
            site.get(f"{model}/xet-write-token/None?create_pr={flag}", "alice"),
        ]
        assert [answer.status_code for answer in answers] == [501] * 3
        assert "pull requests" in answers[0].headers["X-Error-Message"]


# Commits


def test_every_kind_of_change(site: Site, repository: str) -> None:
    large = site.send_lfs(repository, b"large")
    answer = site.commit(
        repository,
        [
            regular_file("a.txt", b"a"),
            ("file", {"path": "utf.txt", "content": "é", "encoding": "utf-8"}),
            lfs_file("d/e/large.bin", large, 5),
            regular_file("d/f/b.txt", b"b"),
        ],
    ).json()
    assert answer["commitOid"] == site.get(f"/api/models/{repository}").json()["sha"]
    assert answer["commitUrl"] == f"{site.url}/{repository}/commit/{answer['commitOid']}"
    assert paths(site, repository) == {"a.txt", "utf.txt", "d/e/large.bin", "d/f/b.txt"}
    changes = [
        ("deletedFile", {"path": "a.txt"}),
        ("deletedFolder", {"path": "d/e/"}),
        ("deletedFile", {"path": "d/f/"}),
    ]
    site.commit(repository, changes).raise_for_status()
    assert paths(site, repository) == {"utf.txt"}
    assert site.resolve(repository, "utf.txt").content == "é".encode()


def test_operations_are_done_in_order(site: Site, repository: str) -> None:
    site.commit(repository, [regular_file("d/old.txt", b"old")]).raise_for_status()
    changes = [("deletedFolder", {"path": "d"}), regular_file("d/new.txt", b"1"), regular_file("d/new.txt", b"2")]
    site.commit(repository, changes).raise_for_status()
    assert paths(site, repository) == {"d/new.txt"}
    assert site.resolve(repository, "d/new.txt").content == b"2"


def test_large_content_in_a_commit(site: Site, repository: str) -> None:
    data = tiny_safetensors(seed=3) * 100
    site.commit(repository, [regular_file("a.bin", data)]).raise_for_status()
    assert site.resolve(repository, "a.bin").content == data


def test_the_id_of_a_large_file_is_that_of_its_pointer(site: Site, repository: str) -> None:
    digest = site.push_lfs(repository, "a.bin", b"large")
    entry = site.entry(repository, "a.bin")
    assert entry["oid"] == lfs_oid(digest, 5)
    assert entry["lfs"]["pointerSize"] == len(lfs_pointer(digest, 5))


def test_the_header_may_come_last_and_older_clients_say_title(site: Site, repository: str) -> None:
    lines = [
        {"key": "file", "value": {"path": "a.txt", "content": "a"}},
        {"key": "header", "value": {"title": "old words"}},
    ]
    body = b"\n\n".join(json.dumps(line).encode() for line in lines)
    assert site.post(f"/api/models/{repository}/commit/main", "alice", content=body).status_code == 200
    assert site.get(f"/api/models/{repository}/commits/main").json()[0]["title"] == "old words"


@pytest.mark.parametrize(
    ("operations", "status", "code"),
    [
        ([("deletedFile", {"path": "missing"})], 404, "EntryNotFound"),
        ([("deletedFolder", {"path": "missing"})], 404, "EntryNotFound"),
        ([regular_file("../a", b"x")], 400, None),
        ([regular_file("a" * 300, b"x")], 400, None),
        ([regular_file("/".join("d" * 65), b"x")], 400, None),
        ([regular_file("kept.txt/inner", b"x")], 400, None),
        ([("lfsFile", {"path": "a", "oid": "5" * 64, "algo": "sha256"})], 501, None),
        ([("lfsFile", {"path": "a", "oid": "5" * 64, "algo": "sha1", "size": 1})], 501, None),
        ([("lfsFile", {"path": "a", "oid": "not hex", "size": 1})], 400, None),
        ([("file", {"path": "a", "content": "!!!", "encoding": "base64"})], 400, None),
        ([("file", {"path": "a", "content": "YQ", "encoding": "base64"})], 400, None),
        ([("file", {"path": "a", "content": "é", "encoding": "base64"})], 400, None),
        ([("file", {"path": "a", "content": "x", "encoding": "rot13"})], 400, None),
        ([("renameFile", {"path": "a", "to": "b"})], 501, None),
        ([regular_file("a", lfs_pointer("5" * 64, 7))], 400, None),
    ],
)
def test_all_or_nothing(
    site: Site, repository: str, operations: list[tuple[str, Any]], status: int, code: str | None
) -> None:
    site.commit(repository, [regular_file("kept.txt", b"kept")]).raise_for_status()
    before = site.get(f"/api/models/{repository}").json()["sha"]
    answer = site.commit(repository, [regular_file("new.txt", b"new"), *operations])
    assert (answer.status_code, answer.headers.get("X-Error-Code")) == (status, code)
    assert site.get(f"/api/models/{repository}").json()["sha"] == before
    assert paths(site, repository) == {"kept.txt"}


def test_clients_look_for_the_words_of_a_missing_file(site: Site, repository: str) -> None:
    answer = site.commit(repository, [("deletedFile", {"path": "missing"})])
    assert "A file with this name doesn't exist" in answer.headers["X-Error-Message"]


@pytest.mark.parametrize("branch", ["other", "refs%2Fpr%2F1", "refs%2Fheads%2Fother", "0" * 40])
def test_there_is_one_branch(site: Site, repository: str, branch: str) -> None:
    header = json.dumps({"key": "header", "value": {"summary": "s"}}).encode()
    answer = site.post(f"/api/models/{repository}/commit/{branch}", "alice", content=header)
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound")
    full = site.post(f"/api/models/{repository}/commit/refs%2Fheads%2Fmain", "alice", content=header)
    assert full.status_code == 200


def test_a_commit_on_top_of_another_than_the_head_is_refused(site: Site, repository: str) -> None:
    first = site.get(f"/api/models/{repository}").json()["sha"]
    second = site.commit(repository, [regular_file("a", b"a")], parentCommit=first).json()["commitOid"]
    answer = site.commit(repository, [regular_file("b", b"b")], parentCommit=first)
    assert answer.status_code == 412
    assert second in answer.json()["error"]
    assert site.commit(repository, [regular_file("b", b"b")], parentCommit=second[:7]).status_code == 200


def test_a_commit_that_is_sent_again_is_made_once(site: Site, repository: str) -> None:
    first = site.get(f"/api/models/{repository}").json()["sha"]
    for parent in ({}, {"parentCommit": first}):
        changes = [regular_file("a", json.dumps(parent).encode())]
        made = {site.commit(repository, changes, **parent).json().get("commitOid") for _ in range(3)}
        if not parent:
            assert len(made) == 1
    deletion = [("deletedFile", {"path": "a"})]
    assert len({site.commit(repository, deletion).json()["commitOid"] for _ in range(3)}) == 1


def test_a_commit_that_changes_nothing_gives_the_head(site: Site, repository: str) -> None:
    head = site.commit(repository, [regular_file("a", b"a")]).json()["commitOid"]
    assert site.commit(repository, [regular_file("a", b"a")], summary="again").json()["commitOid"] == head
    assert site.commit(repository, []).json()["commitOid"] == head


def test_a_summary_is_needed(site: Site, repository: str) -> None:
    for header in ({"summary": ""}, {"summary": None}, {"summary": 5}, {"summary": "x" * 2000}):
        assert site.commit(repository, [regular_file("a", b"a")], **header).status_code == 400


def test_many_operations_at_once(site: Site, repository: str) -> None:
    digest = site.send_lfs(repository, b"the same")
    names = [f"d{number % 20}/{number}.bin" for number in range(3000)]
    site.commit(repository, [lfs_file(name, digest, 8) for name in names]).raise_for_status()
    assert site.get(f"/api/models/{repository}").json()["usedStorage"] == 8
    entry = site.entry(repository, names[-1])
    assert entry["lfs"]["oid"] == digest


def test_there_is_a_largest_number_of_operations(site: Site, repository: str) -> None:
    line = b'{"key": "deletedFile", "value": {"path": "a"}}\n'
    body = b'{"key": "header", "value": {"summary": "s"}}\n' + line * 100_001
    answer = site.post(f"/api/models/{repository}/commit/main", "alice", content=body)
    assert answer.status_code == 400
    assert "100000" in answer.json()["error"]


# Cards, before an upload


def test_a_card_is_looked_at_before_it_is_uploaded(site: Site) -> None:
    good = site.post("/api/validate-yaml", "alice", json={"content": "---\nlicense: mit\n---\n", "repoType": "model"})
    assert good.json() == {"errors": [], "warnings": []}
    bad = site.post("/api/validate-yaml", "alice", json={"content": "---\na: [\n---\n"})
    assert bad.status_code == 200
    assert bad.json()["warnings"][0]["message"]
