"""Pages stay small, however large the model is."""

from dataclasses import replace

import pytest

from tukar.catalog.cards import Card
from tukar.gallery import model, pages
from tukar.gallery.addresses import Place
from tukar.gallery.views import (
    BaseModel,
    CommitLine,
    FileLine,
    Files,
    History,
    ModelPage,
    TensorLine,
    Tensors,
    WeightFile,
    Weights,
)
from tukar.testing.models import tiny_safetensors

from .conftest import Publish, Visitor
from .markup import find, read

COUNT = 1_234


def many(first: int, last: int) -> bytes:
    return tiny_safetensors(shapes={f"t.{number:05}": ("F32", (1,)) for number in range(first, last)})


def listed(html: str) -> list[str]:
    return [cell.text for cell in find(html, "th", scope="row") if "details" in cell.inside]


def test_the_first_500_tensors_are_listed_and_links_lead_to_the_others(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"model.safetensors": many(0, COUNT)})
    seen: list[str] = []
    address = "/ana/model"
    while address:
        html = visitor.get(address).text
        assert len(listed(html)) <= 500
        seen += listed(html)
        following = [link["href"].partition("#")[0] for link in find(html, "a") if link.text == "The next ones"]
        address = following[0] if following else ""
    assert seen == [f"t.{number:05}" for number in range(COUNT)]


def test_the_page_says_what_it_leaves_out_and_counts_everything(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"model.safetensors": many(0, COUNT)})
    html = visitor.get("/ana/model").text
    assert "The first 500 of 1,234 tensors." in html
    assert find(html, "data")[0]["value"] == str(COUNT)
    assert "1,234 tensors · 1.23\N{NO-BREAK SPACE}K F32" in find(html, "summary")[0].text


def test_500_are_for_all_files_together_and_the_others_are_a_link_away(publish: Publish, visitor: Visitor) -> None:
    files = {f"{part}.safetensors": many(part * 400, part * 400 + 400) for part in range(3)}
    publish("ana/model", files)
    html = visitor.get("/ana/model").text
    assert len(listed(html)) == 500
    [link] = [link for link in find(html, "a") if link.text == "List its tensors"]
    assert listed(visitor.get(link["href"].partition("#")[0]).text) == [f"t.{n:05}" for n in range(800, 1200)]
    assert find(html, "data")[0]["value"] == "1200"


def test_a_file_that_has_no_tensors_cannot_be_listed(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"config.json": b"{}"})
    assert visitor.get("/ana/model?tensors=config.json").status_code == 404
    assert visitor.get("/ana/model?from=x").status_code == 400


def test_the_first_files_are_listed_and_all_are_counted(
    publish: Publish, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "MAX_FILES", 5)
    publish("ana/model", {f"data/{number:04}.txt": b"%d" % number for number in range(12)})
    html = visitor.get("/ana/model").text
    assert len([cell for cell in find(html, "th", scope="row") if "tbody" in cell.inside]) == 5
    assert "The first 5 of 12 files." in html
    assert next(cell.text for cell in find(html, "td") if "tfoot" in cell.inside) == "14\N{NO-BREAK SPACE}B"


def largest() -> ModelPage:
    """As much as the limits allow, of text that grows when it is escaped."""
    bad = "<\u202e" * 5_000
    path = bad[:512]  # 1,024 bytes
    files = tuple(FileLine(f"{path[4:]}{number}", 1 << 60, 1 << 59, 1 << 58) for number in range(500))
    tensors = tuple(TensorLine(bad[:128], "Q4_K", (1 << 60,) * 64, 1 << 60) for _ in range(500))
    kinds = tuple((f"IQ{number}_XXS", 1 << 60) for number in range(40))
    weights = WeightFile(path, "safetensors", kinds, Tensors(tensors, 0, 100_000))
    others = (replace(weights, tensors=None),) * 63
    texts = (bad,) * 10_000
    return ModelPage(
        endpoint="http://hub.test",
        place=Place("ana/model", bad[:100]),
        updated_at=0.0,
        card=Card(bad, texts, texts, bad, bad, texts, texts, {}, bad, texts),
        base_models=(BaseModel(bad, None),) * 8,
        files=Files(files, 1 << 30, files[0]),
        weights=Weights((weights, *others)),
        history=History((CommitLine("0" * 40, bad, bad, 0.0),) * 10, 1 << 30),
    )


def test_the_largest_page_there_can_be() -> None:
    """Without the text of its card, which has limits of its own."""
    page = pages.model_page(largest())
    assert len(page) < 4 << 20
    assert len(read(page)) < 15_000
