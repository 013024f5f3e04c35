"""What a repository holds: information, trees, paths, refs, commits, lists."""

import hashlib
import re
from datetime import datetime
from itertools import chain
from typing import Any

import pytest

from tukar.testing.models import tiny_gguf, tiny_safetensors
from tukar.testing.xet import MadeXorb, made_file

from .site import Site, regular_file

WEIGHTS = tiny_safetensors()
CARD = b"""---
license: mit
tags: [tiny]
base_model: alice/base
pipeline_tag: text-generation
library_name: x
---
# Hi
"""
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    name = site.repository()
    site.push_xet(name, "d/weights.safetensors", MadeXorb((WEIGHTS,)).run())
    site.push_lfs(name, "d/e/other.bin", b"other")
    site.commit(name, [regular_file("README.md", CARD), regular_file("d/b.txt", b"b")]).raise_for_status()
    return name


def by_path(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in entries}


# Information


@pytest.mark.parametrize("suffix", ["", "/revision/main", "/revision/refs%2Fheads%2Fmain"])
def test_a_repository(site: Site, repository: str, suffix: str) -> None:
    value = site.get(f"/api/models/{repository}{suffix}").json()
    assert value["id"] == value["modelId"] == repository
    assert re.fullmatch("[0-9a-f]{40}", value["sha"])
    assert (value["author"], value["private"], value["gated"], value["disabled"]) == ("alice", False, False, False)
    assert DATE.fullmatch(value["lastModified"])
    assert DATE.fullmatch(value["createdAt"])
    assert {"rfilename": "README.md"} in value["siblings"]
    assert [item["rfilename"] for item in value["siblings"]] == [
        "d/e/other.bin", "d/b.txt", "d/weights.safetensors", "README.md",
    ]  # fmt: skip
    assert value["cardData"]["license"] == "mit"
    assert {"tiny", "license:mit", "base_model:alice/base"} <= set(value["tags"])
    assert (value["pipeline_tag"], value["library_name"]) == ("text-generation", "x")
    assert value["usedStorage"] == len(WEIGHTS) + len(CARD) + len(b"other") + 1
    assert value["downloads"] == value["likes"] == 0


def test_its_weights_are_counted(site: Site, repository: str) -> None:
    found = site.get(f"/api/models/{repository}").json()["safetensors"]
    assert found["total"] == sum(found["parameters"].values()) == 32 * 16 + 48 * 16 + 16 + 8 + 1
    other = site.repository()
    site.push_lfs(other, "a.gguf", tiny_gguf())
    assert site.get(f"/api/models/{other}").json()["gguf"]["total"] > 0


def test_sizes_and_digests_where_they_are_asked_for(site: Site, repository: str) -> None:
    for flag in ("true", "True", "1"):
        siblings = site.get(f"/api/models/{repository}?blobs={flag}").json()["siblings"]
        found = {item["rfilename"]: item for item in siblings}
        digest = hashlib.sha256(b"other").hexdigest()
        assert found["d/e/other.bin"]["lfs"] == {"size": 5, "sha256": digest, "pointerSize": 126}
        assert found["README.md"]["size"] == len(CARD)
        assert re.fullmatch("[0-9a-f]{40}", found["README.md"]["blobId"])
        assert "lfs" not in found["README.md"]
    for flag in ("false", "False", ""):
        assert "size" not in site.get(f"/api/models/{repository}?blobs={flag}").json()["siblings"][0]


def test_a_new_repository_has_a_revision(site: Site) -> None:
    value = site.get(f"/api/models/{site.repository()}").json()
    assert re.fullmatch("[0-9a-f]{40}", value["sha"])
    assert value["siblings"] == []
    assert value["cardData"] is None


def test_only_what_is_asked_for(site: Site, repository: str) -> None:
    value = site.get(f"/api/models/{repository}?expand=sha&expand=likes&expand=xetEnabled").json()
    assert value.keys() == {"_id", "id", "sha", "likes", "xetEnabled"}


def test_security_status(site: Site, repository: str) -> None:
    assert "securityRepoStatus" in site.get(f"/api/models/{repository}?securityStatus=true").json()


def test_a_card_follows_the_head(site: Site) -> None:
    repository = site.repository()

    def licence() -> str | None:
        card = site.get(f"/api/models/{repository}").json()["cardData"]
        return card and card["license"]

    site.commit(repository, [regular_file("README.md", b"---\nlicense: mit\n---\n")]).raise_for_status()
    assert licence() == "mit"
    site.push_lfs(repository, "README.md", b"---\nlicense: apache-2.0\n---\n")
    assert licence() == "apache-2.0"
    site.commit(repository, [("deletedFile", {"path": "README.md"})]).raise_for_status()
    assert licence() is None
    site.push_xet(repository, "README.md", MadeXorb((b"---\nlicense: cc0-1.0\n---\n",)).run())
    assert licence() == "cc0-1.0"
    site.commit(repository, [regular_file("other.md", b"---\nlicense: mit\n---\n")]).raise_for_status()
    assert licence() == "cc0-1.0"


# Trees


def test_a_folder(site: Site, repository: str) -> None:
    found = site.get(f"/api/models/{repository}/tree/main").json()
    assert [(entry["type"], entry["path"]) for entry in found] == [("directory", "d"), ("file", "README.md")]
    assert all(re.fullmatch("[0-9a-f]{40}", entry["oid"]) for entry in found)
    inner = by_path(site.get(f"/api/models/{repository}/tree/main/d").json())
    assert inner.keys() == {"d/e", "d/b.txt", "d/weights.safetensors"}


def test_every_file(site: Site, repository: str) -> None:
    for flag in ("true", "True"):
        found = by_path(site.get(f"/api/models/{repository}/tree/main?recursive={flag}&expand=false").json())
        assert found.keys() == {"d", "d/e", "d/e/other.bin", "d/b.txt", "d/weights.safetensors", "README.md"}
    weights = found["d/weights.safetensors"]
    assert weights["lfs"]["oid"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert weights["lfs"]["size"] == weights["size"] == len(WEIGHTS)
    assert weights["lfs"]["pointerSize"] > 100
    assert weights["xetHash"] == str(made_file(MadeXorb((WEIGHTS,)).run()).hash)
    assert "xetHash" not in found["d/e/other.bin"]  # it came through LFS
    assert "lfs" not in found["README.md"]


def test_with_the_last_commit(site: Site, repository: str) -> None:
    head = site.get(f"/api/models/{repository}").json()["sha"]
    for entry in site.get(f"/api/models/{repository}/tree/main?expand=True").json():
        assert entry["lastCommit"].keys() == {"id", "title", "date"}
        assert entry["lastCommit"]["id"] == head
        assert DATE.fullmatch(entry["lastCommit"]["date"])


@pytest.mark.parametrize("path", ["missing", "d/missing", "README.md", "d/b.txt/x", "additional_chat_templates"])
def test_a_missing_folder(site: Site, repository: str, path: str) -> None:
    answer = site.get(f"/api/models/{repository}/tree/main/{path}?recursive=true")
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")


def test_paths_are_quoted_as_one(site: Site, repository: str) -> None:
    assert site.raw("GET", f"/api/models/{repository}/tree/refs%2Fheads%2Fmain/d%2Fe").status == 200


def pages(site: Site, address: str) -> list[list[Any]]:
    found, host = [], site.url
    next_: str | None = f"{host}{address}"
    while next_:
        answer = site.http.get(next_)
        found.append(answer.raise_for_status().json())
        link = answer.headers.get("Link", "")
        match = re.fullmatch(r'<(http[^>]+)>; rel="next"', link)
        assert bool(match) == bool(link)
        next_ = match[1] if match else None
    return found


def test_a_tree_comes_in_pages(site: Site, repository: str) -> None:
    whole = site.get(f"/api/models/{repository}/tree/main?recursive=true").json()
    found = pages(site, f"/api/models/{repository}/tree/main?recursive=true&limit=4")
    assert [len(page) for page in found] == [4, 2]
    assert [*chain(*found)] == whole
    inner = pages(site, f"/api/models/{repository}/tree/main/d?limit=1&recursive=True")
    assert [*chain(*inner)] == whole[1:5]


# Paths


def test_paths_that_are_there(site: Site, repository: str) -> None:
    asked = ["README.md", "missing", "d", "d/e/other.bin", "", "../x"]
    for expand in ("true", "False"):
        answer = site.post(f"/api/models/{repository}/paths-info/main", data={"paths": asked, "expand": expand})
        found = by_path(answer.json())
        assert found.keys() == {"README.md", "d", "d/e/other.bin"}
        assert (found["d"]["type"], found["README.md"]["type"]) == ("directory", "file")
        assert ("lastCommit" in found["d"]) == (expand == "true")


def test_paths_as_json_are_not_understood(site: Site, repository: str) -> None:
    answer = site.post(f"/api/models/{repository}/paths-info/main", json={"paths": ["README.md"]})
    assert answer.status_code == 501


# Refs and commits


def test_branches(site: Site, repository: str) -> None:
    head = site.get(f"/api/models/{repository}").json()["sha"]
    value = site.get(f"/api/models/{repository}/refs").json()
    assert value == {
        "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": head}],
        "converts": [],
        "tags": [],
    }
    assert site.get(f"/api/models/{repository}/refs?include_prs=1").json() == value | {"pullRequests": []}


def test_history(site: Site) -> None:
    repository = site.repository()
    for number in range(4):
        changes = [regular_file("a.txt", b"%d" % number)]
        site.commit(repository, changes, summary=f"change {number}", description="why").raise_for_status()
    found = site.get(f"/api/models/{repository}/commits/main").json()
    assert [item["title"] for item in found] == [f"change {number}" for number in (3, 2, 1, 0)] + ["initial commit"]
    assert found[0]["message"] == "why"
    assert found[0]["authors"] == [{"user": "alice"}]
    datetime.strptime(found[0]["date"], "%Y-%m-%dT%H:%M:%S.%fZ")
    paged = pages(site, f"/api/models/{repository}/commits/main?limit=2&expand[]=formatted")
    assert [len(page) for page in paged] == [2, 2, 1]
    assert [item["id"] for page in paged for item in page] == [item["id"] for item in found]
    assert paged[0][0]["formatted"] == {"title": "change 3", "message": "why"}
    older = site.get(f"/api/models/{repository}/commits/{found[2]['id']}").json()
    assert [item["id"] for item in older] == [item["id"] for item in found[2:]]


@pytest.mark.parametrize("call", ["tree", "commits", "revision", "xet-read-token"])
def test_a_missing_revision(site: Site, repository: str, call: str) -> None:
    for revision in ("missing", "refs%2Fpr%2F1", "0" * 40, "%20"):
        answer = site.get(f"/api/models/{repository}/{call}/{revision}")
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound")


def test_names_without_a_namespace(site: Site) -> None:
    for address in ("gpt2", "gpt2/revision/main", "gpt2/tree/main?recursive=true", "gpt2/commits/main"):
        answer = site.get(f"/api/models/{address}")
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")


# Lists


def test_lists_are_in_order_and_in_pages(own_site: Site) -> None:
    site, made = own_site, []
    for number in range(5):
        site.clock.now += 1
        made.append(site.repository("alice" if number % 2 else "bob", name=f"list-{number}"))
    site.clock.now += 1
    site.commit(made[0], [regular_file("a", b"a")]).raise_for_status()
    newest = [made[0], *reversed(made[1:])]
    assert [item["id"] for item in site.get("/api/models").json()] == newest
    assert [item["id"] for item in site.get("/api/models?sort=createdAt").json()] == list(reversed(made))
    assert [item["id"] for page in pages(site, "/api/models?limit=2") for item in page] == newest
    assert [item["id"] for item in site.get("/api/models?author=BOB").json()] == [made[0], made[4], made[2]]
    assert [item["id"] for item in site.get("/api/models?search=LIST-3").json()] == [made[3]]
    paged = pages(site, "/api/models?limit=1&expand=sha&expand=likes&author=alice")
    assert [item["id"] for page in paged for item in page] == [made[3], made[1]]


def test_a_page_keeps_every_word_of_the_question(site: Site) -> None:
    for _ in range(2):
        site.repository()
    link = site.get("/api/models?limit=1&expand=sha&expand=likes").headers["Link"]
    assert "expand=sha&expand=likes" in link


@pytest.mark.parametrize("query", ["filter=a", "gated=true", "num_parameters=1", "sort=downloads", "tags=a"])
def test_filters_are_not_there_yet(site: Site, query: str) -> None:
    answer = site.get(f"/api/models?{query}")
    assert answer.status_code == 501
    assert answer.headers["X-Error-Message"]


def test_types_have_lists_of_their_own(site: Site) -> None:
    site.post("/api/repos/create", "alice", json={"name": "words", "type": "dataset"}).raise_for_status()
    assert [item["id"] for item in site.get("/api/datasets").json()] == ["alice/words"]
    assert site.get("/api/spaces").json() == []
    assert "alice/words" not in site.get("/api/models?search=words").text
