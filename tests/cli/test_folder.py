"""A folder that is pulled into again and again, and in which people work."""

import json
import os
from pathlib import Path

import pytest

from tukar.errors import Invalid
from tukar.exchange.tree import check_together

from .files import contents, noise, write
from .hub import Commands

ONE = {"a.txt": b"one", "w.bin": noise(60, 2000), "sub/gone.txt": b"gone", "sub/deep/gone.bin": noise(61, 10)}
TWO = {"a.txt": b"two", "w.bin": noise(62, 2000), "new.txt": b"new"}


@pytest.fixture
def pulled(tukar: Commands, name: str, tmp_path: Path) -> Path:
    """A folder with the first revision, of a repository that has a second by now."""
    tukar.json("push", write(tmp_path / "one", ONE), name)
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    tukar.json("push", write(tmp_path / "two", TWO), name)
    _delete(tukar, name, "sub")
    return tmp_path / "pulled"


def _delete(tukar: Commands, name: str, folder: str) -> None:
    from tukar.exchange.endpoint import Endpoint
    from tukar.exchange.http import Remote

    lines = [{"key": "header", "value": {"summary": "Delete"}}, {"key": "deletedFolder", "value": {"path": folder}}]
    with Remote(Endpoint(tukar.url, tukar.token)) as remote:
        body = "\n".join(map(json.dumps, lines)).encode()
        remote.request("POST", f"/api/models/{name}/commit/main", content=body)


def test_pulling_again_brings_it_to_the_newest_revision(tukar: Commands, name: str, pulled: Path) -> None:
    told = tukar.json("pull", name, "--to", pulled)
    assert contents(pulled) == TWO
    assert sorted(told["removed"]) == ["sub/deep/gone.bin", "sub/gone.txt"]
    assert not (pulled / "sub").exists()
    assert sorted(path.name for path in (pulled / ".tukar").iterdir()) == ["lock", "snapshot.json"]


def test_pulling_what_is_there_fetches_nothing(tukar: Commands, name: str, pulled: Path) -> None:
    tukar.json("pull", name, "--to", pulled)
    told = tukar.json("pull", name, "--to", pulled)
    assert told["fetched_bytes"] == 0
    assert {file["state"] for file in told["files"]} == {"present"}


def test_a_damaged_file_is_not_taken_for_whole(tukar: Commands, name: str, pulled: Path) -> None:
    tukar.json("pull", name, "--to", pulled)
    flipped = bytearray((pulled / "w.bin").read_bytes())
    flipped[1000] ^= 1
    (pulled / "w.bin").write_bytes(flipped)
    refused = tukar("pull", name, "--to", pulled)
    assert refused.code == 1
    assert "'w.bin'" in refused.stderr
    tukar.json("pull", name, "--to", pulled, "--force")
    assert contents(pulled) == TWO


def test_a_file_that_was_changed_here_stops_the_pull(tukar: Commands, name: str, pulled: Path) -> None:
    write(pulled, {"a.txt": b"mine"})
    before = contents(pulled)
    done = tukar("pull", name, "--to", pulled)
    assert done.code == 1
    assert "were changed: 'a.txt'" in done.stderr
    assert "--force" in done.stderr
    assert contents(pulled) == before


def test_a_file_that_tukar_did_not_write_stops_the_pull(
    tukar: Commands, name: str, tmp_path: Path, pulled: Path
) -> None:
    write(tmp_path / "mine", {"new.txt": b"mine", "other.txt": b"stays"})
    done = tukar("pull", name, "--to", tmp_path / "mine")
    assert done.code == 1
    assert "'new.txt'" in done.stderr
    assert contents(tmp_path / "mine") == {"new.txt": b"mine", "other.txt": b"stays"}
    told = tukar.json("pull", name, "--to", tmp_path / "mine", "--force")
    assert (told["replaced"], told["removed"]) == (["new.txt"], [])
    assert contents(tmp_path / "mine") == {**TWO, "other.txt": b"stays"}


def test_the_same_bytes_are_welcome_whoever_wrote_them(
    tukar: Commands, name: str, tmp_path: Path, pulled: Path
) -> None:
    told = tukar.json("pull", name, "--to", write(tmp_path / "mine", {"w.bin": TWO["w.bin"]}))
    assert {file["path"]: file["state"] for file in told["files"]}["w.bin"] == "present"


def test_what_is_gone_but_was_changed_here_stays(tukar: Commands, name: str, pulled: Path) -> None:
    write(pulled, {"sub/gone.txt": b"mine"})
    done = tukar("pull", name, "--to", pulled)
    assert done.code == 0
    assert "sub/gone.txt is no longer in the repository" in done.stderr
    assert contents(pulled) == {**TWO, "sub/gone.txt": b"mine"}


def test_what_the_folder_has_comes_along(tukar: Commands, name: str, pulled: Path) -> None:
    tukar.json("pull", name, "--to", pulled, "--include", "new.txt")
    assert contents(pulled) == TWO


def test_another_repository_is_refused(tukar: Commands, name: str, pulled: Path, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "x", {"x.txt": b"x"}), f"{name}-2")
    done = tukar("pull", f"{name}-2", "--to", pulled)
    assert done.code == 1
    assert f"holds a snapshot of {name}" in done.stderr
    forced = tukar("pull", f"{name}-2", "--to", pulled, "--force")
    assert forced.code == 0
    assert f"removed {len(ONE)} files that the revision does not have: 'a.txt'," in forced.stderr
    assert contents(pulled) == {"x.txt": b"x"}


def test_what_force_replaces_is_named(tukar: Commands, name: str, pulled: Path) -> None:
    write(pulled, {"a.txt": b"mine"})
    done = tukar("pull", name, "--to", pulled, "--force")
    assert done.code == 0
    assert "replaced 1 file that Tukar did not write, or that changed here: 'a.txt'" in done.stderr
    assert contents(pulled) == TWO


@pytest.mark.parametrize("where", ["sub", "sub/deep", "w.bin"])
def test_links_are_not_followed(tukar: Commands, name: str, tmp_path: Path, where: str) -> None:
    tukar.json("push", write(tmp_path / "one", ONE), name)
    outside = write(tmp_path / "outside", {"w.bin": b"precious"})
    link = tmp_path / "pulled" / where
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "w.bin" if where == "w.bin" else outside)
    assert tukar("pull", name, "--to", tmp_path / "pulled").code == 1
    tukar("pull", name, "--to", tmp_path / "pulled", "--force")
    assert contents(outside) == {"w.bin": b"precious"}


def test_a_folder_where_a_file_should_be(tukar: Commands, name: str, pulled: Path) -> None:
    write(pulled, {"new.txt/mine": b"mine"})
    done = tukar("pull", name, "--to", pulled, "--force")
    assert done.code == 1
    assert "new.txt is a folder" in done.stderr


def test_a_folder_that_became_a_file_and_back(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "1", {"x/y.txt": b"y", "z.txt": b"z"}), name)
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    _delete(tukar, name, "x")
    tukar.json("push", write(tmp_path / "2", {"x": b"file"}), name)
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"x": b"file", "z.txt": b"z"}
    commits = tukar.json("show", name)["commits"]
    tukar.json("pull", name, "--to", tmp_path / "pulled", "--revision", commits[2]["id"])
    assert contents(tmp_path / "pulled") == {"x/y.txt": b"y", "z.txt": b"z"}


def test_the_folder_is_named_after_the_repository(
    tukar: Commands, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tukar.json("push", write(tmp_path / "one", ONE), name)
    monkeypatch.chdir(tmp_path)
    assert tukar.json("pull", name)["folder"] == str(tmp_path / name.partition("/")[2])


@pytest.mark.parametrize("kind", ["file", "link"])
@pytest.mark.parametrize("taken", ["pulled", "pulled.partial"])
def test_something_else_in_the_place_of_the_folder(
    tukar: Commands, name: str, tmp_path: Path, kind: str, taken: str
) -> None:
    tukar.json("push", write(tmp_path / "one", ONE), name)
    place = tmp_path / taken
    place.symlink_to("nothing") if kind == "link" else place.write_bytes(b"a file")
    done = tukar("pull", name, "--to", tmp_path / "pulled")
    assert done.code == 1
    assert f"tukar: {place} is not a folder\nhint: name a folder with --to" in done.stderr
    assert os.path.lexists(place)


def test_a_marker_that_is_none(tukar: Commands, name: str, pulled: Path) -> None:
    write(pulled, {".tukar/snapshot.json": b"{"})
    done = tukar("pull", name, "--to", pulled)
    assert done.code == 1
    assert "is not what Tukar wrote" in done.stderr


def test_a_marker_that_names_files_elsewhere(tukar: Commands, name: str, pulled: Path, tmp_path: Path) -> None:
    precious = write(tmp_path, {"precious.txt": ONE["a.txt"]}) / "precious.txt"
    path = pulled / ".tukar/snapshot.json"
    marker = json.loads(path.read_text())
    for file in marker["files"]:
        file["path"] = "../precious.txt" if file["path"] == "a.txt" else file["path"]
    path.write_text(json.dumps(marker))
    assert tukar("pull", name, "--to", pulled, "--force").code == 1
    assert precious.read_bytes() == ONE["a.txt"]


@pytest.mark.parametrize(
    "paths", [("a.txt", "A.TXT"), ("x/a", "X/b/c", "x/B"), ("caf\u00e9", "cafe\u0301"), ("a", "A/b")]
)
def test_names_that_only_some_file_systems_tell_apart(paths: tuple[str, ...]) -> None:
    check_together(paths, case_sensitive=True)
    with pytest.raises(Invalid, match="would be"):
        check_together(paths, case_sensitive=False)
