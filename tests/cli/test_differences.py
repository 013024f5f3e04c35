"""A pull of a child moves little where its base is at hand: in the folder, or in the stock client's cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tukar.cli import fetching
from tukar.cli.gathering import Gathering
from tukar.exchange.repository import RepositorySource
from tukar.testing.relations import Weights, fresh, stored, tuned

from .files import contents, write
from .hub import Commands

BASE = fresh(3)
BASE_FILE, CHILD_FILE = stored(BASE), stored(tuned(BASE, 4))


@pytest.fixture
def pushed(tukar: Commands, name: str, tmp_path: Path) -> str:
    """The child's repository; the base is another's."""
    tukar.json("push", write(tmp_path / "base", {"model.safetensors": BASE_FILE}), f"{name}-base")
    tukar.json("push", write(tmp_path / "child", {"model.safetensors": CHILD_FILE}), f"{name}-child")
    assert tukar.json("repack", "--wait")["pending_files"] == 0
    return name


def test_repacking_shows_in_the_stats(tukar: Commands, pushed: str) -> None:
    (file,) = [each for each in tukar.json("stats", f"{pushed}-child")["files"] if each["path"].endswith("safetensors")]
    assert file["stored_bytes"] < 0.5 * file["raw_bytes"]
    assert {each["encoding"] for each in file["tensors"] if each["raw_bytes"] >= 4096} == {"delta"}
    assert {each["parent"]["repository"] for each in file["tensors"] if each["parent"]} == {f"{pushed}-base"}


def test_a_parent_is_named_to_those_who_may_read_it(tukar: Commands, name: str, tmp_path: Path) -> None:
    base = fresh(5)
    weights = {"secret-base": stored(base), "child": stored(tuned(base, 6))}
    for kind, content in weights.items():
        folder = write(tmp_path / kind, {"weights.safetensors": content})
        tukar.json("push", folder, f"{name}-{kind}", *(["--private"] if "secret" in kind else []))
    tukar.json("repack", "--wait")
    seen = tukar("stats", f"{name}-child")
    assert f"3 tensors stored as differences to {name}-secret-base" in seen.stdout
    others = tukar.as_(None)
    for told in (others("stats", f"{name}-child"), others("stats", f"{name}-child", "--json")):
        assert told.code == 0
        assert "delta" in told.stdout
        assert "secret" not in told.stdout + told.stderr
    assert "3 tensors stored as differences to what is deleted" in others("stats", f"{name}-child").stdout


def test_what_is_there_twice_counts_once(tukar: Commands, name: str, tmp_path: Path) -> None:
    weights = fresh(7)
    content = stored({**weights, "same": weights["embed"]})
    folder = write(tmp_path / "twice", {"a.safetensors": content, "b.safetensors": content})
    tukar.json("push", folder, f"{name}-twice")
    tensors = [each for file in tukar.json("stats", f"{name}-twice")["files"] for each in file["tensors"]]
    assert len(tensors) == 2 * (len(weights) + 1)
    rows = [line.split() for line in tukar("stats", f"{name}-twice").stdout.splitlines()]
    told = [row for row in rows if row and row[0] in {each["encoding"] for each in tensors}]
    assert sum(int(row[1]) for row in told) == len(weights)


def test_without_its_base_it_comes_alone(tukar: Commands, pushed: str, tmp_path: Path) -> None:
    told = tukar.json("pull", f"{pushed}-child", "--to", tmp_path / "pulled")
    assert told["fetched_bytes"] > 0.5 * len(CHILD_FILE)
    assert contents(tmp_path / "pulled")["model.safetensors"] == CHILD_FILE


@pytest.mark.parametrize("is_whole", [True, False])
def test_its_base_may_be_in_the_stock_client_s_cache(
    tukar: Commands, pushed: str, tmp_path: Path, is_whole: bool
) -> None:
    blobs = tukar.home / "hub/models--acme--base/blobs"
    blobs.mkdir(parents=True)
    cached = BASE_FILE if is_whole else BASE_FILE[:2000] + bytes(len(BASE_FILE) - 2000)
    (blobs / hashlib.sha256(BASE_FILE).hexdigest()).write_bytes(cached)
    told = tukar.json("pull", f"{pushed}-child", "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled")["model.safetensors"] == CHILD_FILE
    assert (told["fetched_bytes"] < 0.5 * len(CHILD_FILE)) is is_whole


LARGE, SMALL = {"weight": (600, 1024)}, {"weight": (64, 64)}  # more than a MiB, and less: they are taken differently


def pulled(tukar: Commands, name: str, folder: Path, to: Path, files: dict[str, bytes]) -> int:
    """The bytes that a pull of these takes, once they are pushed and repacked."""
    tukar.json("push", write(folder, files), name)
    assert tukar.json("repack", "--wait")["pending_files"] == 0
    told = tukar.json("pull", name, "--to", to)
    assert contents(to) == files
    return int(told["fetched_bytes"])


@pytest.mark.parametrize("names", [("base", "child"), ("child", "base")])
@pytest.mark.parametrize("shapes", [SMALL, LARGE])
def test_a_base_and_its_child_come_in_one_pull(
    tukar: Commands, name: str, tmp_path: Path, names: tuple[str, str], shapes: dict[str, tuple[int, ...]]
) -> None:
    """The child as differences if it is not the first of the two files."""
    seed = len(name) + shapes["weight"][0]
    contents_of = {"base": fresh(seed, shapes)}
    contents_of["child"] = tuned(contents_of["base"], seed + 1)
    files = {f"{at}.safetensors": stored(contents_of[which]) for at, which in enumerate(names)}
    tukar.json("push", write(tmp_path / "first", {"0.safetensors": stored(contents_of["base"])}), f"{name}-first")
    nbytes = pulled(tukar, name, tmp_path / "pushed", tmp_path / "pulled", files)
    assert (nbytes < 0.6 * sum(map(len, files.values()))) is (names[0] == "base")


def related(first: Weights, second: Weights) -> bytes:
    """One file of two models, tensor by tensor."""
    return stored({f"{name}.{at}": each[name] for name in first for at, each in enumerate((first, second))})


@pytest.mark.parametrize("is_base_first", [True, False])
def test_related_tensors_of_one_file_come_in_one_pull(
    tukar: Commands, name: str, tmp_path: Path, is_base_first: bool
) -> None:
    base = fresh(20 + is_base_first)
    child = tuned(base, 30)
    tukar.json("push", write(tmp_path / "first", {"base.safetensors": stored(base)}), f"{name}-first")
    whole = related(base, child) if is_base_first else related(child, base)
    nbytes = pulled(tukar, name, tmp_path / "pushed", tmp_path / "pulled", {"both.safetensors": whole})
    assert (nbytes < 0.6 * len(whole)) is is_base_first


def test_a_base_that_changes_here_meanwhile_comes(
    tukar: Commands, pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was to be a base, and to be copied, is found changed when it is used as a base."""
    folder, before = tmp_path / "pulled", {"a.safetensors": BASE_FILE}
    after = {"a.safetensors": CHILD_FILE, "b.safetensors": BASE_FILE}
    tukar.json("push", write(tmp_path / "before", before), pushed)
    tukar.json("pull", pushed, "--to", folder)
    tukar.json("push", write(tmp_path / "after", after), pushed)
    gather = fetching._gather

    def change(source: RepositorySource, gathering: Gathering) -> None:
        with (folder / "a.safetensors").open("r+b") as file:
            file.seek(2000)
            file.write(bytes(len(BASE_FILE) - 2000))
        gather(source, gathering)

    monkeypatch.setattr(fetching, "_gather", change)
    tukar.json("pull", pushed, "--to", folder)
    assert contents(folder) == after
