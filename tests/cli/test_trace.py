"""Tracing models: of files here, and of a hub that runs or is down."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.lineage.made import Small, changed, drawn, llama, picked, safetensors

from .files import write
from .hub import Commands, HubProcess

PARENT = drawn(1, neurons=96)
FIELDS = {
    "a", "b", "verdict", "p_exact", "log10_p_exact", "p_conformal", "null_size", "score", "direction", "reasons",
    "changes", "layers", "architectures", "limits",
}  # fmt: skip


def folder(path: Path, small: Small) -> Path:
    return write(path, {"model.safetensors": safetensors(llama(small)), "README.md": b"# A model\n"})


@pytest.fixture
def kin(tmp_path: Path) -> tuple[Path, Path]:
    return folder(tmp_path / "parent", PARENT), folder(tmp_path / "child", changed(PARENT, 0.3))


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a hub with a family, a stranger and what is no model; it is down."""
    place = tmp_path_factory.mktemp("traced")
    hub = HubProcess(place / "data").start()
    tukar = Commands(hub.url, place)
    tukar.json("push", folder(place / "parent", PARENT), "admin/parent")
    tukar.json("push", folder(place / "child", changed(PARENT, 0.3)), "admin/child", "--private")
    shuffled = picked(changed(PARENT, 0.3), np.random.default_rng(3).permutation(96))
    tukar.json("push", folder(place / "shuffled", shuffled), "admin/shuffled")
    tukar.json("push", folder(place / "stranger", drawn(2, neurons=96)), "admin/stranger")
    tukar.json("push", write(place / "text", {"notes.txt": b"nothing"}), "admin/text")
    hub.stop()
    return hub.data


@pytest.fixture(params=["running", "down"])
def site(
    request: pytest.FixtureRequest, traced: Path, tmp_path: Path, tukar: Commands
) -> Iterator[tuple[Commands, list[str]]]:
    """Commands for that hub, and the options that they need."""
    data = tmp_path / "data"
    shutil.copytree(traced, data)
    if request.param == "down":
        yield tukar.at("http://127.0.0.1:9"), ["--data", str(data)]
        return
    hub = HubProcess(data).start()
    yield tukar.at(hub.url), []
    hub.stop()


def test_two_folders_need_no_hub(kin: tuple[Path, Path], tukar: Commands) -> None:
    found = tukar.at("http://127.0.0.1:9").json("trace", *kin)
    assert found.keys() == FIELDS
    assert (found["verdict"], found["direction"]) == ("derived", "a->b")
    assert found["p_exact"] < 1e-30
    assert found["p_exact"] == pytest.approx(10 ** found["log10_p_exact"])
    assert found["score"] > 0.9
    assert [change["kind"] for change in found["changes"]] == ["finetune"]
    assert [(layer["a"], layer["b"]) for layer in found["layers"]] == [(0, 0), (1, 1), (2, 2)]
    assert found["limits"]


def test_files_and_people(kin: tuple[Path, Path], tukar: Commands) -> None:
    done = tukar("trace", *(path / "model.safetensors" for path in kin))
    assert done.code == 0
    assert "derived: one comes from the other" in done.stdout
    assert "B comes from A" in done.stdout
    assert re.search(r"^0 +0 +█+", done.stdout, re.MULTILINE)
    assert "What to keep in mind:" in done.stdout


def test_strangers(kin: tuple[Path, Path], tmp_path: Path, tukar: Commands) -> None:
    stranger = folder(tmp_path / "stranger", drawn(7, neurons=96))
    found = tukar.json("trace", kin[0], stranger)
    assert (found["verdict"], found["direction"], found["layers"]) == ("none", "unknown", [])
    assert "no relation found" in tukar("trace", kin[0], stranger).stdout


def test_a_report_for_a_browser(kin: tuple[Path, Path], tmp_path: Path, tukar: Commands) -> None:
    odd = kin[1].rename(tmp_path / "<script src=x>")
    assert tukar("trace", kin[0], odd, "--html", tmp_path / "r.html").code == 0
    page = (tmp_path / "r.html").read_text()
    assert "B comes from A" in page
    assert page.count("<rect") == 3
    assert "&lt;script src=x&gt;" in page
    assert not re.search(r"<(script|link|img|iframe)|url\(|https?://", page)


def test_models_of_a_hub(site: tuple[Commands, list[str]]) -> None:
    tukar, options = site
    found = tukar.json("trace", "admin/parent", "admin/child@main#model.safetensors", *options)
    assert (found["a"], found["verdict"], found["direction"]) == ("admin/parent", "derived", "a->b")
    assert found["p_exact"] < 1e-30


def test_one_model_and_all_of_a_hub(site: tuple[Commands, list[str]], kin: tuple[Path, Path]) -> None:
    tukar, options = site
    found = tukar.json("trace", "admin/parent", *options)
    assert [(each["b"], each["verdict"]) for each in found["models"]] == [
        ("admin/child", "derived"),
        ("admin/shuffled", "derived"),
        ("admin/stranger", "none"),
    ]
    assert [each["b"] for each in found["failed"]] == ["admin/text"]
    shown = tukar("trace", kin[1], *options).stdout
    assert re.search(r"admin/parent +derived .* this ", shown)
    assert "not compared: admin/text: admin/text has no weights" in shown
    again = " ".join(["admin/child", *map(str, options)])
    assert f"the evidence, and what to keep in mind: tukar trace {kin[1]} {again}\n" in shown


def test_what_one_may_not_read_is_not_told(traced: Path, tmp_path: Path, tukar: Commands) -> None:
    data = tmp_path / "data"
    shutil.copytree(traced, data)
    hub = HubProcess(data).start()
    anybody = tukar.at(hub.url).as_(None)
    found = anybody.json("trace", "admin/parent")
    assert {each["b"] for each in found["models"]} == {"admin/shuffled", "admin/stranger"}
    refused = anybody("trace", "admin/parent", "admin/child")
    assert refused.code == 1
    assert "admin/child" in refused.stderr
    hub.stop()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["./nowhere", "./nothing"], "there is no file or folder './nowhere'"),
        (["./empty", "./empty"], "has no weights in safetensors or GGUF"),
        (["./broken.safetensors", "./broken.safetensors"], "there are no tensors here"),
        (["./empty", "--html", "r.html"], "--html is for a comparison of two models"),
        (["a/b/c", "./empty"], "not a repository id"),
        (["", "./empty"], "there is no file or folder ''"),
    ],
)
def test_what_cannot_be_traced(
    arguments: list[str], said: str, tmp_path: Path, tukar: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    done = tukar.at("http://127.0.0.1:9")("trace", *arguments)
    assert done.code in (1, 2)
    assert said in done.stderr


def test_numbers_that_are_none_do_no_harm(kin: tuple[Path, Path], tmp_path: Path, tukar: Commands) -> None:
    tensors: dict[str, Any] = {name: values.copy() for name, values in llama(PARENT).items()}
    for values in tensors.values():
        values.flat[:40] = [math.nan, math.inf, -math.inf, 3e38] * 10
    hostile = write(tmp_path / "hostile", {"model.safetensors": safetensors(tensors)})
    assert tukar.json("trace", kin[0], hostile)["verdict"] == "derived"


def test_a_model_that_lacks_a_part_is_not_compared(kin: tuple[Path, Path], tmp_path: Path, tukar: Commands) -> None:
    """It would look like one that layers were taken from."""
    tensors = list(llama(PARENT).items())
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    halves = dict(zip(names, (safetensors(dict(tensors[:7])), safetensors(dict(tensors[7:]))), strict=True))
    shards = write(tmp_path / "shards", halves)
    assert tukar.json("trace", kin[1], shards)["verdict"] == "derived"
    (shards / names[1]).write_bytes(halves[names[1]][:-1])
    done = tukar("trace", kin[1], shards)
    assert (done.code, done.stdout) == (1, "")
    assert f"{shards}: a file is cut short: {len(halves[names[1]]) - 1:,} bytes" in done.stderr
    (shards / names[1]).unlink()
    done = tukar("trace", kin[1], shards)
    assert (done.code, done.stdout) == (1, "")
    assert f"{shards} lacks a part of its weights: {names[1]}" in done.stderr


def test_a_report_replaces_reports_alone(kin: tuple[Path, Path], tmp_path: Path, tukar: Commands) -> None:
    files = [path / "model.safetensors" for path in kin]
    for file in files:
        before = file.read_bytes()
        done = tukar("trace", *files, "--html", file)
        assert done.code == 1
        assert "is there already" in done.stderr
        assert file.read_bytes() == before
    for _ in range(2):
        assert tukar("trace", *files, "--html", tmp_path / "r.html").code == 0
    done = tukar("trace", *files, "--html", tmp_path / "no" / "r.html")
    assert (done.code, done.stdout) == (1, "")
    assert "there is no folder" in done.stderr
