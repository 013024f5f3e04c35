"""What is pushed is what is pulled, byte for byte, and nothing is sent twice."""

import json
from pathlib import Path

import pytest

from .files import ODD, contents, model, noise, write
from .hub import Commands


def test_a_sharded_model_and_odd_names_come_back(tukar: Commands, name: str, tmp_path: Path) -> None:
    folder = write(model(tmp_path / "model", seed=7), ODD | {"zeros.dat": bytes(5478)})  # no other test pushes these
    pushed = tukar.json("push", folder, name)
    assert pushed["created"] is True
    assert pushed["url"] == f"{tukar.url}/{name}"
    assert {file["path"]: file["state"] for file in pushed["files"]} == dict.fromkeys(contents(folder), "sent")
    assert pushed["via"] == "objects"
    pulled = tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)
    assert pulled["commit"] == pushed["commit"]
    assert pulled["fetched_bytes"] > 0


def test_the_marker_names_the_commit_and_every_digest(tukar: Commands, name: str, tmp_path: Path) -> None:
    pushed = tukar.json("push", model(tmp_path / "model"), name)
    pulled = tukar.json("pull", name, "--to", tmp_path / "pulled")
    marker = json.loads((tmp_path / "pulled/.tukar/snapshot.json").read_text())
    assert (marker["repository"], marker["commit"]) == (name, pushed["commit"])
    digests = {f"{kind}:{file[kind]}" for file in marker["files"] for kind in file.keys() - {"path", "size"}}
    assert digests == {file["checksum"] for file in pulled["files"]}


def test_pushing_again_sends_nothing_and_commits_nothing(tukar: Commands, name: str, tmp_path: Path) -> None:
    folder = write(model(tmp_path / "model"), ODD)
    first = tukar.json("push", folder, name)
    again = tukar.json("push", folder, name)
    assert {file["state"] for file in again["files"]} == {"unchanged"}
    assert (again["commit"], again["commits"], again["sent_bytes"]) == (first["commit"], [], 0)


def test_bytes_that_the_hub_has_are_not_sent_to_another_repository(tukar: Commands, name: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"model.safetensors": noise(11, 5000), "config.json": b"{}"})
    tukar.json("push", folder, name)
    other = tukar.json("push", folder, f"{name}-2")
    assert {file["path"]: file["state"] for file in other["files"]} == {
        "model.safetensors": "avoided",
        "config.json": "sent",
    }
    assert (other["avoided_bytes"], other["sent_bytes"]) == (5000, 2)


def test_only_what_changed_is_sent(tukar: Commands, name: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "model")
    tukar.json("push", folder, name)
    write(folder, {"config.json": b'{"changed": true}'})
    again = tukar.json("push", folder, name, "--message", "Change the config")
    assert [file["path"] for file in again["files"] if file["state"] == "sent"] == ["config.json"]
    shown = tukar.json("show", name)
    assert [commit["title"] for commit in shown["commits"]] == ["Change the config", "Push 5 files", "initial commit"]


def test_a_single_file_under_another_name(tukar: Commands, name: str, tmp_path: Path) -> None:
    write(tmp_path, {"w.bin": noise(12, 3000)})
    tukar.json("push", tmp_path / "w.bin", name)
    tukar.json("push", tmp_path / "w.bin", name, "--path-in-repo", "sub/other.bin")
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"w.bin": noise(12, 3000), "sub/other.bin": noise(12, 3000)}


def test_a_folder_below_a_folder(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "m", {"a/b.txt": b"b"}), name, "--path-in-repo", "x/y/")
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"x/y/a/b.txt": b"b"}


def test_patterns_choose_what_is_pushed_and_what_is_pulled(tukar: Commands, name: str, tmp_path: Path) -> None:
    names = ("a.json", "b.json", "w.bin", "logs/1.txt", "logs/2.txt")
    folder = write(tmp_path / "m", {each: each.encode() for each in names})
    tukar.json("push", folder, name, "--exclude", "logs/", "--exclude", "b.*")
    tukar.json("pull", name, "--to", tmp_path / "all")
    tukar.json("pull", name, "--to", tmp_path / "some", "--include", "*.json")
    assert set(contents(tmp_path / "all")) == {"a.json", "w.bin"}
    assert set(contents(tmp_path / "some")) == {"a.json"}


def test_patterns_that_choose_nothing_are_an_error(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", model(tmp_path / "m"), name)
    assert tukar("pull", name, "--to", tmp_path / "pulled", "--include", "*.gguf").code == 1
    assert tukar("push", tmp_path / "m", name, "--include", "*.gguf").code == 1
    assert not (tmp_path / "pulled").exists()


def test_datasets_are_apart_from_models(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "d", {"data.csv": b"1,2\n"}), name, "--type", "dataset")
    tukar.json("pull", name, "--type", "dataset", "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"data.csv": b"1,2\n"}
    assert "there is no model" in tukar("pull", name, "--to", tmp_path / "none").stderr


def test_an_older_revision(tukar: Commands, name: str, tmp_path: Path) -> None:
    first = tukar.json("push", write(tmp_path / "m", {"a.txt": b"one"}), name)["commit"]
    tukar.json("push", write(tmp_path / "m", {"a.txt": b"two"}), name)
    tukar.json("pull", name, "--revision", first, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"a.txt": b"one"}


def test_what_belongs_to_the_folder_is_not_pushed(tukar: Commands, name: str, tmp_path: Path) -> None:
    own = {".git/config": b"", ".tukar/snapshot.json": b"", ".cache/huggingface/x": b"", "sub/.git/config": b""}
    pushed = tukar.json("push", write(tmp_path / "m", {**own, ".cache/kept": b"1", "a.txt": b"a"}), name)
    assert [file["path"] for file in pushed["files"]] == [".cache/kept", "a.txt"]


def test_links_to_files_are_followed(tukar: Commands, name: str, tmp_path: Path) -> None:
    write(tmp_path, {"blobs/1": noise(13, 100)})
    folder = write(tmp_path / "m", {"a.txt": b"a"})
    (folder / "w.bin").symlink_to(tmp_path / "blobs/1")
    (folder / "dangling").symlink_to(tmp_path / "nothing")
    assert [file["path"] for file in tukar.json("push", folder, name)["files"]] == ["a.txt", "w.bin"]


def test_many_small_files_take_several_commits(
    tukar: Commands, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.cli.publishing._COMMIT_FILES", 4)
    files = {f"{number}.txt": b"%d" % number for number in range(10)}
    pushed = tukar.json("push", write(tmp_path / "m", {**files, "w.bin": noise(14, 10)}), name, "-m", "Many")
    assert len(pushed["commits"]) == 3
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(tmp_path / "m")
    titles = [commit["title"] for commit in tukar.json("show", name)["commits"]]
    assert titles[:3] == ["Many (part 3)", "Many (part 2)", "Many"]


def test_a_repository_without_files(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "m", {"a.txt": b"a"}), name)
    empty = tukar.json("show", name)["commits"][-1]["id"]
    pulled = tukar.json("pull", name, "--revision", empty, "--to", tmp_path / "pulled")
    assert pulled["files"] == []
    assert contents(tmp_path / "pulled") == {}


def test_a_name_that_a_repository_cannot_have_is_refused_before_anything_is_sent(
    tukar: Commands, name: str, tmp_path: Path
) -> None:
    done = tukar("push", write(tmp_path / "m", {"a\\b": b""}), name)
    assert done.code == 1
    assert "not a valid path" in done.stderr
    assert tukar("show", name).code == 1
