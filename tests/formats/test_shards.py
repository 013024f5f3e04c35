import json

import pytest

from tukar.errors import Invalid
from tukar.formats.shards import MAX_INDEX, parse_index
from tukar.testing.models import tiny_sharded


def test_the_index_says_which_shard_holds_a_tensor() -> None:
    text = (
        b'{"metadata": {"total_size": 8}, "weight_map": {"a": "model-1.safetensors", "b": "sub/model-2.safetensors"}}'
    )
    assert parse_index(text) == {"a": "model-1.safetensors", "b": "sub/model-2.safetensors"}


def test_a_hundred_thousand_tensors_are_read() -> None:
    weight_map = {f"model.layers.{index}.weight": f"model-{index % 50}.safetensors" for index in range(100_000)}
    assert parse_index(json.dumps({"weight_map": weight_map}).encode()) == weight_map


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"weight_map": []}',
        b'{"weight_map": {"a": 1}}',
        b'{"weight_map": {"a": "x", "a": "y"}}',
        b'{"weight_map": {}, "weight_map": {}}',
        b'{"weight_map": {"\\ud800": "x"}}',
        b'{"weight_map": {"a": "../x"}}',
        b'{"weight_map": {"a": "/etc/passwd"}}',
        b'{"weight_map": {"a": ""}}',
        b'{"weight_map": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"weight_map": ' + b"[" * 100_000,
        b'{"weight_map": {}, "x": [' + b"1," * 200_000 + b"1]}",
        b'{"weight_map": {}}' + b" " * MAX_INDEX,
    ],
)
def test_anything_else_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid):
        parse_index(data)


def test_a_made_model_agrees_with_its_index() -> None:
    files = tiny_sharded(shards=3)
    index = parse_index(files["model.safetensors.index.json"])
    assert set(index.values()) == {path for path in files if path.endswith(".safetensors")}
