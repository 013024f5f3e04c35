"""The NumPy model computes what torch computed when the adapter was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from family import heldout, weights
from family.minilm import MiniLM

REFERENCE = Path(__file__).parent / "reference.safetensors"


@pytest.mark.parametrize("name", ["minilm-bf16", "minilm-indonesian"])
def test_vectors_equal_those_of_torch(family: dict[str, Path], name: str) -> None:
    expected = weights.read(REFERENCE)[name]
    pairs = heldout.read()[: len(expected) // 2]
    texts = [text for pair in pairs for text in (pair.indonesian, pair.english)]
    np.testing.assert_allclose(MiniLM.load(family[name]).embed(texts), expected, atol=2e-6)


def test_a_text_s_vector_does_not_depend_on_what_it_is_batched_with(family: dict[str, Path]) -> None:
    model = MiniLM.load(family["minilm-bf16"])
    short, long = "Simpan", "Masukkan sandi yang sama seperti sebelumnya, untuk verifikasi. " * 3
    np.testing.assert_allclose(model.embed([short, long])[0], model.embed([short])[0], atol=2e-6)


def test_vectors_have_unit_length(family: dict[str, Path]) -> None:
    vectors = MiniLM.load(family["minilm-indonesian"]).embed(["Halo", "", "apa kabar?"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
