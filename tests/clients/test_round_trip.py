"""The main job through every kind of client: create, push, look, pull, delete."""

from pathlib import Path

import pytest

from .client import Client, ClientFailure
from .conftest import MakeClient
from .files import blob_id, digest, digests, pointer, sharded_model, write
from .hub import Hub


def test_a_repository_is_created_once(client: Client, repository: str, hub: Hub) -> None:
    create = ("create_repo", {"repo_id": repository})
    first, again, tolerant = client.calls(create, create, ("create_repo", {"repo_id": repository, "exist_ok": True}))
    assert first == tolerant == f"{hub.url}/{repository}"
    assert isinstance(again, ClientFailure)
    assert again.status == 409


@pytest.mark.parametrize("name", ["config.json", "weights.bin", "empty.txt"])
def test_a_file_comes_back_as_it_was(client: Client, created: str, tmp_path: Path, name: str) -> None:
    contents = {"config.json": b'{"a": 1}\n', "weights.bin": bytes(range(256)) * 400, "empty.txt": b""}
    local = write(tmp_path / "model", contents) / name
    client.api("upload_file", path_or_fileobj=str(local), path_in_repo=f"some/folder/{name}", repo_id=created)
    pulled = client.api("hf_hub_download", repo_id=created, filename=f"some/folder/{name}")
    assert digest(Path(pulled)) == digest(local)


def test_a_folder_comes_back_as_it_was(client: Client, created: str, tmp_path: Path) -> None:
    model = sharded_model(tmp_path / "model")
    client.api("upload_folder", repo_id=created, folder_path=str(model))
    whole, filtered, placed = client.calls(
        ("snapshot_download", {"repo_id": created}),
        ("snapshot_download", {"repo_id": created, "allow_patterns": ["*.json"], "cache_dir": str(tmp_path / "c")}),
        ("snapshot_download", {"repo_id": created, "local_dir": str(tmp_path / "local")}),
    )
    pushed = digests(model)
    assert digests(whole) == pushed
    assert digests(placed) == pushed
    assert digests(filtered) == {name: sha for name, sha in pushed.items() if name.endswith(".json")}


@pytest.mark.parametrize(("pusher", "puller"), [("2.4-xet", "0.36-lfs"), ("0.36-lfs", "2.4-xet")])
def test_what_one_client_pushed_another_pulls(
    make_client: MakeClient, repository: str, tmp_path: Path, pusher: str, puller: str
) -> None:
    model = sharded_model(tmp_path / "model")
    make_client(pusher).api("create_repo", repo_id=repository)
    make_client(pusher).api("upload_folder", repo_id=repository, folder_path=str(model))
    assert digests(make_client(puller).api("snapshot_download", repo_id=repository)) == digests(model)


def test_what_is_there_is_told(client: Client, created: str, tmp_path: Path) -> None:
    model = sharded_model(tmp_path / "model")
    client.api("upload_folder", repo_id=created, folder_path=str(model), commit_message="Add the model")
    info, top, everything, paths, refs, commits, who = client.calls(
        ("model_info", {"repo_id": created, "files_metadata": True}),
        ("list_repo_tree", {"repo_id": created}),
        ("list_repo_tree", {"repo_id": created, "recursive": True, "expand": True}),
        ("get_paths_info", {"repo_id": created, "paths": ["onnx", "config.json", "no such file"], "expand": True}),
        ("list_repo_refs", {"repo_id": created}),
        ("list_repo_commits", {"repo_id": created}),
        ("whoami", {}),
    )
    pushed = digests(model)
    sizes = {name: (model / name).stat().st_size for name in pushed}
    assert info["id"] == created
    assert {each["rfilename"]: each["size"] for each in info["siblings"]} == sizes
    large = {each["rfilename"]: each["lfs"]["sha256"] for each in info["siblings"] if each["lfs"]}
    assert large.items() <= pushed.items()
    assert {name for name in pushed if name.endswith((".safetensors", ".onnx"))} <= large.keys()
    assert {each["rfilename"]: each["blob_id"] for each in info["siblings"]} == {
        name: blob_id(pointer(model / name) if name in large else (model / name).read_bytes()) for name in pushed
    }
    assert {each["path"] for each in top} == {name.split("/")[0] for name in pushed}
    assert {each["path"]: each["size"] for each in everything if "size" in each} == sizes
    assert {each["path"] for each in everything if "tree_id" in each} == {
        "onnx",
        "onnx/quantized",
        "tokenizer",
        "tokenizer/special",
    }
    assert sorted(each["path"] for each in paths) == ["config.json", "onnx"]
    assert all(each["last_commit"]["title"] == "Add the model" for each in [*everything, *paths])
    assert [(branch["name"], branch["target_commit"]) for branch in refs["branches"]] == [("main", info["sha"])]
    assert (commits[0]["commit_id"], commits[0]["title"]) == (info["sha"], "Add the model")
    assert commits[0]["authors"] == ["admin"]
    assert who["name"] == "admin"


def test_what_is_missing_is_told_by_the_right_exception(client: Client, created: str, tmp_path: Path) -> None:
    small = write(tmp_path, {"a.json": b"{}"}) / "a.json"
    client.api("upload_file", path_or_fileobj=str(small), path_in_repo="a.json", repo_id=created)
    away, zero = "admin/no-such-repository", "0" * 40
    expected = [
        ("RepositoryNotFoundError", "model_info", {"repo_id": away}),
        ("RepositoryNotFoundError", "hf_hub_download", {"repo_id": away, "filename": "a.json"}),
        ("RepositoryNotFoundError", "snapshot_download", {"repo_id": away}),
        ("RepositoryNotFoundError", "list_repo_commits", {"repo_id": away}),
        (
            "RepositoryNotFoundError",
            "upload_file",
            {"repo_id": away, "path_or_fileobj": str(small), "path_in_repo": "a"},
        ),
        ("RepositoryNotFoundError", "delete_repo", {"repo_id": away}),
        ("RevisionNotFoundError", "model_info", {"repo_id": created, "revision": "no-such-branch"}),
        ("RevisionNotFoundError", "model_info", {"repo_id": created, "revision": zero}),
        ("RevisionNotFoundError", "hf_hub_download", {"repo_id": created, "filename": "a.json", "revision": "b"}),
        ("RevisionNotFoundError", "snapshot_download", {"repo_id": created, "revision": "feature/x"}),
        ("RevisionNotFoundError", "list_repo_tree", {"repo_id": created, "revision": "no-such-branch"}),
        ("EntryNotFoundError", "hf_hub_download", {"repo_id": created, "filename": "no/such file.json"}),
        ("EntryNotFoundError", "hf_hub_download", {"repo_id": created, "filename": "nö.json"}),
        ("EntryNotFoundError", "list_repo_tree", {"repo_id": created, "path_in_repo": "no/such/folder"}),
        ("EntryNotFoundError", "delete_file", {"repo_id": created, "path_in_repo": "no such file.json"}),
    ]
    failures = client.calls(*[(method, arguments) for _, method, arguments in expected])
    for (wanted, method, arguments), failure in zip(expected, failures, strict=True):
        assert isinstance(failure, ClientFailure), f"{method}({arguments}) gave {failure}"
        assert wanted in failure.classes, f"{method}({arguments}) raised {failure}"


def test_a_wrong_token_is_told_as_such(client: Client, created: str) -> None:
    stranger = client.with_token("hf_notATokenOfThisHub")
    who, create, info = stranger.calls(
        ("whoami", {}),
        ("create_repo", {"repo_id": f"{created}-2"}),
        ("model_info", {"repo_id": created}),
    )
    for failure in (who, create, info):
        assert isinstance(failure, ClientFailure)
        assert failure.status == 401
        assert "RepositoryNotFoundError" not in failure.classes


def test_a_repository_is_deleted(client: Client, created: str) -> None:
    delete = ("delete_repo", {"repo_id": created})
    done, gone, again, tolerant = client.calls(
        delete, ("model_info", {"repo_id": created}), delete, ("delete_repo", {"repo_id": created, "missing_ok": True})
    )
    assert done is None
    assert tolerant is None
    for failure in (gone, again):
        assert isinstance(failure, ClientFailure)
        assert "RepositoryNotFoundError" in failure.classes
