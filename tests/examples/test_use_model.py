"""What the models find is what their cards say they find."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from family import heldout
from use_model import Search, search, table

SETS = ("element", "django")
ONE_QUERY = 1 / 100


@pytest.fixture(scope="module")
def results(family: dict[str, Path]) -> dict[str, Search]:
    return {name: search(family[name], heldout.read()) for name in ("minilm-bf16", "minilm-indonesian")}


def card_figures(folder: Path) -> dict[tuple[str, str], float]:
    """``{(part, metric): value}`` from the card's ``model-index``."""
    _, head, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    (entry,) = yaml.safe_load(head)["model-index"]
    return {
        (result["dataset"]["split"], metric["type"]): metric["value"]
        for result in entry["results"]
        for metric in result["metrics"]
    }


def measured(result: Search) -> dict[tuple[str, str], float]:
    parts = {"all": result} | {source: result.of(source) for source in SETS}
    return {(name, "accuracy"): part.accuracy for name, part in parts.items()} | {
        (name, "mrr"): part.reciprocal_rank for name, part in parts.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["minilm-bf16", "minilm-indonesian"])
def test_the_card_s_figures_are_measured_again(family: dict[str, Path], results: dict[str, Search], name: str) -> None:
    # Another CPU sums in another order, which may turn a near tie: one query of the smallest part.
    assert card_figures(family[name]) == pytest.approx(measured(results[name]), abs=ONE_QUERY)


def test_the_adapter_s_card_has_the_merged_child_s_figures(family: dict[str, Path]) -> None:
    assert card_figures(family["minilm-indonesian-lora"]) == card_figures(family["minilm-indonesian"])


@pytest.mark.slow
def test_the_child_finds_more_than_its_base(results: dict[str, Search]) -> None:
    for source in SETS:
        gain = results["minilm-indonesian"].of(source).accuracy - results["minilm-bf16"].of(source).accuracy
        assert gain > 0.3, source


@pytest.mark.slow
def test_the_table_shows_queries_and_figures(results: dict[str, Search]) -> None:
    base, child = results["minilm-bf16"], results["minilm-indonesian"]
    text = table(base, child)
    assert f"{child.accuracy:.1%}" in text
    assert f"{base.accuracy:.1%}" in text
    shown = [pair for pair in base.pairs if f"  {pair.indonesian}\n" in text]
    assert len(shown) == 6


def test_no_two_held_out_sentences_are_the_same() -> None:
    pairs = heldout.read()
    assert len({pair.indonesian.lower() for pair in pairs}) == len({pair.english.lower() for pair in pairs}) == 300
