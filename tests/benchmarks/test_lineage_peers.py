"""Folders for other tools, and what is made of their answers; none of the tools is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks.lineage import folders, measure, pairs, peers
from benchmarks.lineage.drawn import HEADS, KEYS, NEURONS, WIDTH, WORDS, net
from benchmarks.lineage.net import written
from benchmarks.lineage.peers import PEERS, Peer

from tukar.lineage.model import opened
from tukar.lineage.weights import Weights
from tukar.objects.sources import FileSource


@pytest.mark.parametrize("architecture", KEYS)
def test_a_folder_is_a_model(architecture: str, tmp_path: Path) -> None:
    before = net(architecture, layers=3)
    folder = folders.write(before, tmp_path / "made")
    with FileSource(folder / "model.safetensors") as file:
        weights = Weights([file])
        found = opened(weights)
        assert found is not None
        assert (found.layers, found.width) == (3, WIDTH)
        assert len(list(weights)) == len(written(before))
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == architecture
    assert config["vocab_size"] == WORDS
    assert config["tie_word_embeddings"]
    sizes = {"llama": "intermediate_size", "gpt2": "n_inner", "bert": "intermediate_size"}
    assert config[sizes[architecture]] == NEURONS
    assert config.get("num_attention_heads", config.get("n_head")) == HEADS
    assert config.get("num_key_value_heads", HEADS) == (KEYS[architecture] if architecture == "llama" else HEADS)


def test_a_vocabulary_has_a_word_for_each_row(tmp_path: Path) -> None:
    made = folders.write(net("llama"), tmp_path / "made", "other")
    vocabulary = json.loads((made / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(WORDS))
    assert "other0" in vocabulary


def answering(word: str) -> Peer:
    def ask(base: Path, suspect: Path) -> tuple[str, float | None, Mapping[str, Any]]:
        return word, 0.5, {"seen": (base / "config.json").exists() and (suspect / "tokenizer.json").exists()}

    return Peer(frozenset({"child"}), ask)


def failing(base: Path, suspect: Path) -> tuple[str, float | None, Mapping[str, Any]]:
    raise ValueError("no such thing\nand more of it")


def test_what_a_tool_says_is_kept() -> None:
    here = Path()
    assert answering("child").verdict(here, here).is_related
    assert not answering("stranger").verdict(here, here).is_related


def test_a_tool_that_fails_says_so() -> None:
    found = Peer(frozenset({"child"}), failing).verdict(Path(), Path())
    assert (found.word, found.is_related, found.score) == ("error", False, None)
    assert found.details == {"error": "no such thing"}


def test_a_pair_is_judged_by_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("base", "tuned"):
        path = tmp_path / "bert-00" / name / "model.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(measure.file(written(net("bert"))))
    pairs._trained.cache_clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # so that it is put back
    monkeypatch.setattr(peers, "PEERS", {"one": answering("child"), "two": Peer(frozenset(), failing)})
    result = peers.judge(tmp_path, pairs.Pair("bert", "00/base", "00/tuned", "kin", "tuned"))
    pairs._trained.cache_clear()
    assert json.loads(json.dumps(result))["verdicts"]["one"]["details"] == {"seen": True}
    assert result["verdicts"]["two"]["word"] == "error"
    assert result["how"] == "tuned"


def test_no_word_of_an_abstention_counts() -> None:
    assert "SAME_FAMILY_UNRESOLVED" not in PEERS["modeldna"].related
    assert "Weak Match" not in PEERS["provenance-kit"].related
