"""Which files are a model's weights."""

from __future__ import annotations

import pytest

from tukar.errors import NotFound
from tukar.lineage.choose import weight_files


def chosen(*paths: str) -> list[str]:
    return weight_files({path: 10 + len(path) for path in paths}, "here")


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (["model.gguf", "model.safetensors", "x/model.safetensors"], ["model.safetensors"]),
        (["a-longer-name.safetensors", "model.safetensors"], ["model.safetensors"]),
        (["a.gguf", "b-longer.gguf", "mmproj/a.gguf"], ["b-longer.gguf"]),
        (["other.safetensors", "model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"],
         ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
        (["model.safetensors", "model-00001-of-00001.safetensors"], ["model-00001-of-00001.safetensors"]),
        (["adapter_model.safetensors", "model.gguf"], ["model.gguf"]),
    ],
)  # fmt: skip
def test_one_form_of_the_model_is_chosen(paths: list[str], wanted: list[str]) -> None:
    assert chosen(*paths) == wanted
    assert chosen(*reversed(paths)) == wanted


def test_shards_that_are_missing_are_told() -> None:
    with pytest.raises(
        NotFound, match=r"here lacks a part of its weights: model-00002-of-00004.safetensors and 1 more"
    ):
        chosen("model-00001-of-00004.safetensors", "model-00003-of-00004.safetensors")
    with pytest.raises(NotFound, match=r"x/q-00001-of-00002.gguf$"):
        chosen("x/q-00002-of-00002.gguf")


@pytest.mark.parametrize("paths", [[], ["adapter_model.safetensors"], ["pytorch_model.bin", "readme.md"]])
def test_without_weights(paths: list[str]) -> None:
    with pytest.raises(NotFound, match="has no weights"):
        chosen(*paths)
