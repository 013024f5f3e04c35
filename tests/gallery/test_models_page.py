"""The list of models: what is shown, searched and paged."""

import re
from html import unescape

import pytest

from .conftest import Publish, Visitor
from .markup import find, read

CARD = b"""---
license: apache-2.0
language: [id, en, jv, su, ms]
base_model: [ana/base, ana/other]
library_name: peft
pipeline_tag: text-generation
---
# Adapter
"""


def names(html: str) -> list[str]:
    return [link.text.strip() for link in find(html, "a") if link.inside[-1] == "h2"]


def test_a_hub_without_models_says_how_to_publish_one(visitor: Visitor) -> None:
    html = visitor.get("/").text
    assert [heading.text for heading in find(html, "h1")] == ["No models yet"]
    commands = [code.text for code in find(html, "code")]
    assert commands[0] == "pip install huggingface_hub"
    assert commands[1].splitlines()[0] == "export HF_ENDPOINT=http://hub.test:8080"
    assert commands[1].splitlines()[-1].startswith("hf upload ")


def test_a_model_is_shown_with_what_its_card_says(publish: Publish, visitor: Visitor) -> None:
    publish("ana/adapter", {"README.md": CARD, "config.json": b"{}" * 500})
    [line] = [item for item in find(visitor.get("/").text, "li") if "main" in item.inside]
    size = f"{(len(CARD) + 1000) / 1000:.2f}"
    assert " ".join(line.text.split()) == (
        "ana/adapter text-generation peft apache-2.0 id, en, jv, su, … made from ana/base, 1 more "
        f"Size {size} kB Updated 2026-01-01"
    )
    assert find(visitor.get("/").text, "a", href="/ana/adapter") != []


def test_the_last_to_change_comes_first(publish: Publish, visitor: Visitor) -> None:
    for number, name in enumerate(("ana/a", "ana/b", "ana/c", "ana/a")):
        publish(name, {"x": b"%d" % number})
    assert names(visitor.get("/").text) == ["ana/a", "ana/c", "ana/b"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("minilm", ["ana/MiniLM-v2", "ana/minilm-v1"]),
        ("bea/", ["bea/other"]),
        ("%25", []),
        ("%00", ["all"]),
        ("+", ["all"]),
    ],
)
def test_search(search: str, found: list[str], publish: Publish, visitor: Visitor) -> None:
    for name in ("ana/minilm-v1", "bea/other", "ana/MiniLM-v2"):
        publish(name, {"x": b"x"})
    html = visitor.get(f"/?search={search}").text
    assert names(html) == (found if found != ["all"] else ["ana/MiniLM-v2", "bea/other", "ana/minilm-v1"])


def test_what_was_searched_for_stays_in_the_form_and_is_escaped(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"x": b"x"})
    html = visitor.get("/?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text
    assert [field["value"] for field in find(html, "input")] == ['"><script>alert(1)</script>']
    assert [script["src"].partition("?")[0] for script in find(html, "script")] == ["/static/script.js"]
    assert "No model has" in find(html, "p", class_="nothing")[0].text


def test_pages_lead_through_all_models_once(publish: Publish, visitor: Visitor) -> None:
    for number in range(62):
        publish(f"ana/model-{number:02}", {"x": b"x"})
    publish("ana/secret", {"x": b"x"}, private=True)
    seen: list[str] = []
    address: str | None = "/?search=ana"
    while address:
        html = visitor.get(address).text
        seen += names(html)
        following = find(html, "a", rel="next")
        address = following[0]["href"] if following else None
    assert seen == [f"ana/model-{number:02}" for number in reversed(range(62))]


def test_a_later_page_leads_back(publish: Publish, visitor: Visitor) -> None:
    for number in range(31):
        publish(f"ana/model-{number:02}", {"x": b"x"})
    second = find(visitor.get("/?search=model").text, "a", rel="next")[0]["href"]
    assert [link["href"] for link in find(visitor.get(second).text, "a") if link.text == "Back to the first"] == [
        "/?search=model"
    ]


@pytest.mark.parametrize("cursor", ["x", "1", "1:x", "nan:1", "inf:1", "1:-1", f"1:{1 << 63}", "1:2:3", "%00:1"])
def test_a_cursor_that_is_none_is_refused(cursor: str, visitor: Visitor) -> None:
    reply = visitor.get(f"/?cursor={cursor}")
    assert reply.status_code == 400
    assert "not a cursor" in find(reply.text, "p", class_="lead")[0].text


def test_after_the_last_model_there_is_nothing(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"x": b"x"})
    html = visitor.get("/?cursor=1.0:1").text
    assert names(html) == []
    assert "nothing after this" in html


def test_a_card_that_cannot_be_read_does_no_harm_to_the_list(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"---\nlicense: [\n---\nx"})
    assert names(visitor.get("/").text) == ["ana/model"]


def test_long_metadata_is_cut(publish: Publish, visitor: Visitor) -> None:
    fields = "\n".join(f"{key}: {'x' * 50_000}" for key in ("license", "pipeline_tag", "library_name", "language"))
    publish("ana/model", {"README.md": f"---\n{fields}\n---\n".encode()})
    html = visitor.get("/").text
    assert len(html) < 20_000
    assert len(re.findall("x{40}…", unescape(html))) == 4
    assert read(html) != []
