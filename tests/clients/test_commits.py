"""Commits of the stock clients: every operation, history, conflicts, and what makes no commit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .client import Client, ClientFailure
from .files import digests, model, noise, sharded_model, write

pytestmark = pytest.mark.slow


def pulled(client: Client, repository: str, **arguments: str) -> dict[str, str]:
    return digests(client.api("snapshot_download", repo_id=repository, **arguments))


def test_one_commit_adds_replaces_and_deletes(client: Client, created: str, tmp_path: Path) -> None:
    first = write(
        tmp_path / "first",
        {
            "a.bin": noise(1, 5000),
            "b.txt": b"old\n",
            "folder/c.bin": noise(2, 5000),
            "folder/d.txt": b"d\n",
            "e.txt": b"e\n",
        },
    )
    client.api("upload_folder", repo_id=created, folder_path=str(first))
    second = write(tmp_path / "second", {"a.bin": noise(3, 5000), "b.txt": b"new\n", "n/w.bin": noise(4, 5000)})
    add = {name: str(second / name) for name in digests(second)}
    commit = client.run("commit", repo_id=created, message="Change it all", add=add, delete=["folder/", "e.txt"])
    assert pulled(client, created) == digests(second)
    history = client.api("list_repo_commits", repo_id=created)
    assert (history[0]["commit_id"], history[0]["title"]) == (commit["oid"], "Change it all")


def test_files_and_folders_are_deleted(client: Client, created: str, tmp_path: Path) -> None:
    files = write(tmp_path / "m", {"a.bin": b"a" * 4000, "b/c.bin": b"c" * 4000, "b/d/e.txt": b"e", "bb.txt": b"bb"})
    client.api("upload_folder", repo_id=created, folder_path=str(files))
    client.calls(
        ("delete_file", {"repo_id": created, "path_in_repo": "a.bin"}),
        ("delete_folder", {"repo_id": created, "path_in_repo": "b"}),
    )
    assert pulled(client, created).keys() == {"bb.txt"}


def test_a_pushed_folder_can_replace_what_matched_a_pattern(client: Client, created: str, tmp_path: Path) -> None:
    old = write(tmp_path / "old", {"step-1.bin": noise(1, 3000), "step-2.bin": noise(2, 3000), "keep.txt": b"k"})
    new = write(tmp_path / "new", {"step-2.bin": noise(3, 3000), "step-3.bin": noise(4, 3000)})
    client.api("upload_folder", repo_id=created, folder_path=str(old))
    client.api("upload_folder", repo_id=created, folder_path=str(new), delete_patterns="*.bin")
    assert pulled(client, created) == digests(new) | {"keep.txt": digests(old)["keep.txt"]}


def test_every_commit_stays_readable(client: Client, created: str, tmp_path: Path) -> None:
    states = []
    for seed in (1, 2, 3):
        folder = write(tmp_path / str(seed), {"w.bin": noise(seed, 9000), "same.bin": noise(9, 9000)})
        states.append((client.api("upload_folder", repo_id=created, folder_path=str(folder))["oid"], digests(folder)))
    for oid, expected in states:
        assert pulled(client, created, revision=oid) == expected


def test_title_and_description_are_kept(client: Client, created: str, tmp_path: Path) -> None:
    local = write(tmp_path, {"a.txt": b"a"}) / "a.txt"
    client.run(
        "commit", repo_id=created, message="Ünder the lid", commit_description="Two\nlines", add={"a": str(local)}
    )
    newest, *_ = client.api("list_repo_commits", repo_id=created)
    assert (newest["title"], newest["message"]) == ("Ünder the lid", "Two\nlines")


def test_a_stale_parent_is_refused(client: Client, created: str, tmp_path: Path) -> None:
    local = write(tmp_path, {"a.txt": b"a"}) / "a.txt"
    head = client.api("model_info", repo_id=created)["sha"]
    upload = {"repo_id": created, "path_or_fileobj": str(local), "parent_commit": head}
    first, second = client.calls(
        ("upload_file", upload | {"path_in_repo": "first.txt"}),
        ("upload_file", upload | {"path_in_repo": "second.txt"}),
    )
    assert not isinstance(first, ClientFailure)
    assert isinstance(second, ClientFailure)
    assert second.status == 412
    assert pulled(client, created).keys() == {"first.txt"}


def test_what_did_not_change_makes_no_commit(client: Client, created: str, tmp_path: Path) -> None:
    folder = sharded_model(tmp_path / "model")
    push = ("upload_folder", {"repo_id": created, "folder_path": str(folder)})
    first, again = client.calls(push, push)
    history = client.api("list_repo_commits", repo_id=created)
    assert first["oid"] == again["oid"] == history[0]["commit_id"]
    assert [commit["commit_id"] for commit in history].count(first["oid"]) == 1


def test_a_folder_of_many_files(client: Client, created: str, tmp_path: Path) -> None:
    """More than the 256 files of one preupload call and than the 250 of one commit of the newest client."""
    names = [f"{kind}/{n % 7}/{n}.{kind}" for n in range(160) for kind in ("bin", "json")]
    folder = write(tmp_path / "many", {name: noise(n, 2000 + n) for n, name in enumerate(names)})
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    assert pulled(client, created) == digests(folder)


def test_two_at_once_both_land(client: Client, created: str, tmp_path: Path) -> None:
    folders = [model(tmp_path / name, seed) for seed, name in ((1, "one"), (2, "two"))]
    both = [client.forgetful(tmp_path / "home" / folder.name) for folder in folders]
    with ThreadPoolExecutor() as pool:
        pushes = [
            pool.submit(each.api, "upload_folder", repo_id=created, folder_path=str(folder), path_in_repo=folder.name)
            for each, folder in zip(both, folders, strict=True)
        ]
        for push in pushes:
            push.result()
    expected = {f"{folder.name}/{name}": sha for folder in folders for name, sha in digests(folder).items()}
    assert pulled(client, created) == expected
