"""Weight files are safetensors files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from family import weights

TENSORS: weights.Weights = {
    "places": np.arange(3, dtype="<i8").reshape(1, 3),
    "half": np.arange(6, dtype="<u2").reshape(2, 3),
    "full": np.linspace(-1, 1, 4, dtype="<f4"),
}


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    weights.write(tmp_path / "model.safetensors", TENSORS)
    found = weights.read(tmp_path / "model.safetensors")
    assert list(found) == list(TENSORS)
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)


@pytest.mark.parametrize("name", ["a", "ab", "abc", "abcd", "abcdefgh"])
def test_the_data_starts_at_a_multiple_of_eight_bytes(tmp_path: Path, name: str) -> None:
    weights.write(tmp_path / "model.safetensors", {name: TENSORS["full"]})
    content = (tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    assert header[name] == {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    assert content[8 + length :] == TENSORS["full"].tobytes()
