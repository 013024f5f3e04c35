"""The family's folders: what each holds, and that building twice gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from family import MEMBERS, OWNER, build, lora, weights
from family.build import ADAPTER


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def front_matter(folder: Path) -> dict[str, object]:
    _, head, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head)


def test_building_again_gives_the_same_bytes(base: Path, family: dict[str, Path], tmp_path: Path) -> None:
    again = build(base, tmp_path)
    assert list(again) == list(family) == list(MEMBERS)
    for name in MEMBERS:
        assert digests(again[name]) == digests(family[name])


def test_the_base_is_as_it_was_published(base: Path, family: dict[str, Path]) -> None:
    published, built = digests(base), digests(family["minilm"])
    assert published.items() <= built.items()
    assert set(built) - set(published) == {"LICENSE", "NOTICE"}


def test_only_adapted_tensors_differ_between_the_child_and_its_base(family: dict[str, Path]) -> None:
    half = weights.read(family["minilm-bf16"] / "model.safetensors")
    child = weights.read(family["minilm-indonesian"] / "model.safetensors")
    assert list(child) == list(half)
    differing = {name for name in half if child[name].tobytes() != half[name].tobytes()}
    assert differing == set(lora.read(ADAPTER).factors)
    assert len(differing) == 36


def test_the_cast_keeps_names_shapes_and_integers(family: dict[str, Path]) -> None:
    full = weights.read(family["minilm"] / "model.safetensors")
    half = weights.read(family["minilm-bf16"] / "model.safetensors")
    assert {name: tensor.shape for name, tensor in half.items()} == {name: t.shape for name, t in full.items()}
    assert half["embeddings.position_ids"].tobytes() == full["embeddings.position_ids"].tobytes()
    assert json.loads((family["minilm-bf16"] / "config.json").read_text())["torch_dtype"] == "bfloat16"


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_says_its_licence(family: dict[str, Path], name: str) -> None:
    assert front_matter(family[name])["license"] == "apache-2.0"
    assert "Apache License" in (family[name] / "LICENSE").read_text(encoding="utf-8")
    assert "all-MiniLM-L6-v2" in (family[name] / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "parent", "relation"),
    [
        ("minilm-bf16", "minilm", "quantized"),
        ("minilm-indonesian-lora", "minilm-bf16", "adapter"),
        ("minilm-indonesian", "minilm-bf16", "finetune"),
    ],
)
def test_every_descendant_names_its_base(family: dict[str, Path], name: str, parent: str, relation: str) -> None:
    card = front_matter(family[name])
    assert card["base_model"] == f"{OWNER}/{parent}"
    assert card["base_model_relation"] == relation


def test_the_adapter_s_configuration_names_the_base_of_its_card(family: dict[str, Path]) -> None:
    folder = family["minilm-indonesian-lora"]
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == front_matter(folder)["base_model"]


def test_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    content = bytearray((base / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="sha256"):
        build(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
