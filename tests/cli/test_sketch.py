"""Sketches of models, of files here and of a hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lineage.made import changed, drawn

from .hub import Commands
from .test_trace import PARENT, folder, kin, site, traced

__all__ = ["kin", "site", "traced"]  # fixtures


def test_two_sketches_need_neither_weights_nor_hub(kin: tuple[Path, Path], tmp_path: Path, tukar: Commands) -> None:
    alone = tukar.at("http://127.0.0.1:9")
    files = [tmp_path / "parent.sketch", tmp_path / "child.sketch"]
    for model, file in zip(kin, files, strict=True):
        found = alone.json("sketch", model, file)
        assert found == {"model": str(model), "file": str(file), "size": file.stat().st_size}
    found = alone.json("trace", *files)
    assert (found["verdict"], found["direction"], found["changes"]) == ("derived", "unknown", [])
    assert (found["score"], found["p_conformal"], found["null_size"]) == (None, None, None)
    assert found["p_exact"] < 1e-30
    assert alone("trace", files[0], kin[1], "--html", tmp_path / "r.html").code == 0
    assert "sketches" in (tmp_path / "r.html").read_text()


def test_what_is_there_is_not_overwritten(kin: tuple[Path, Path], tukar: Commands) -> None:
    weights = kin[1] / "model.safetensors"
    before = weights.read_bytes()
    done = tukar("sketch", kin[0], weights)
    assert done.code == 1
    assert "is there already" in done.stderr
    assert weights.read_bytes() == before


def test_a_sketch_beside_the_models_of_a_hub(site: tuple[Commands, list[str]], tmp_path: Path) -> None:
    tukar, options = site
    file = tmp_path / "parent.sketch"
    assert tukar("sketch", "admin/parent", file, *options).stdout.startswith(f"{file}: ")
    found = tukar.json("trace", file, *options)
    verdicts = {each["b"]: each["verdict"] for each in found["models"]}
    assert verdicts == {
        "admin/parent": "derived", "admin/child": "derived", "admin/shuffled": "review", "admin/stranger": "none",
    }  # fmt: skip


@pytest.mark.parametrize(("model", "said"), [("./nowhere", "no file or folder"), ("empty", "has no weights")])
def test_what_has_no_sketch(
    model: str, said: str, tmp_path: Path, tukar: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = tukar.at("http://127.0.0.1:9")("sketch", model, tmp_path / "out")
    assert done.code == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_cut_sketch_is_told(tmp_path: Path, tukar: Commands) -> None:
    file, cut = tmp_path / "a.sketch", tmp_path / "cut.sketch"
    tukar.json("sketch", folder(tmp_path / "parent", PARENT), file)
    folder(tmp_path / "child", changed(drawn(1), 0.1))
    for length in (0, 7, 200, file.stat().st_size - 1):
        cut.write_bytes(file.read_bytes()[:length])
        done = tukar.at("http://127.0.0.1:9")("trace", cut, tmp_path / "child")
        assert done.code == 1
        assert f"{cut}: " in done.stderr
        assert ("cut short" if length > 10_000 else "there are no tensors here") in done.stderr
