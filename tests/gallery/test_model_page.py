"""One model: its card, files, tensors, history, and how to get it."""

import json
import re

import pytest

from tukar.testing.models import TINY, tiny_gguf, tiny_safetensors, tiny_sharded

from .conftest import Publish, Visitor
from .markup import Element, find, read

NBSP = "\N{NO-BREAK SPACE}"


def words(element: Element) -> str:
    return " ".join(element.text.split())


def rows(html: str, section: str) -> list[list[str]]:
    """The cells of the tables' bodies in a section of the page."""
    found: list[list[str]] = []
    within = html[html.index(f'<section id="{section}"') :].partition("</section>")[0] + "</section>"
    for element in read(within):
        if element.tag == "tr" and "tbody" in element.inside:
            found.append([])
        elif element.tag in ("th", "td") and "tbody" in element.inside:
            found[-1].append(words(element))
    return found


def test_the_card_is_shown_with_its_metadata(publish: Publish, visitor: Visitor) -> None:
    card = (
        "---\nlicense: mit\ntags: [one, two]\ndatasets: [squad]\nlanguage: id\n---\n# Hello\n\n[config](config.json)\n"
    )
    publish("ana/model", {"README.md": card.encode()})
    html = visitor.get("/ana/model").text
    [article] = find(html, "article")
    assert words(article) == "Hello config"
    assert find(html, "a", href="/ana/model/resolve/main/config.json") != []
    assert [words(item) for item in find(html, "li") if "chips" in html and item.inside[-1] == "ul"][:2] == [
        "licence mit",
        "language id",
    ]
    assert [words(tag) for tag in find(html, "li") if words(tag) in ("one", "two", "squad")] == ["squad", "one", "two"]


def test_without_a_card_the_page_says_so(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"config.json": b"{}"})
    html = visitor.get("/ana/model").text
    assert find(html, "article") == []
    assert "This model has no card yet." in html


def test_what_is_wrong_with_a_card_is_told(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"---\nlicense: [\n---\nText"})
    assert "not valid YAML" in visitor.get("/ana/model").text


def test_a_card_that_is_too_tangled_is_shown_as_source(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"&" * 30_000})
    html = visitor.get("/ana/model").text
    assert "it is shown as it was written" in html
    assert find(html, "article")[0].text.strip() == "&" * 30_000


def test_files_with_what_is_theirs_and_what_is_shared(publish: Publish, visitor: Visitor) -> None:
    own, shared = ("F32", (300, 10)), ("F32", (500, 10))
    publish("ana/a", {"model.safetensors": tiny_safetensors(1, {"own": own, "shared": shared})})
    both = tiny_safetensors(1, {"shared": shared, "other": own})
    publish("ana/b", {"model.safetensors": both, "empty.txt": b""})
    found = rows(visitor.get("/ana/b").text, "files")
    assert found[0][:4] == ["empty.txt", f"0{NBSP}B".replace(NBSP, " "), "–", "–"]
    name, size, alone, together = found[1][:4]
    assert (name, size) == ("model.safetensors", f"{len(both) / 1000:.1f} kB")
    assert together == "20.0 kB"
    assert float(alone.removesuffix(" kB")) == pytest.approx(12.1, abs=0.2)


def test_files_link_to_their_bytes(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"data/ä b#1?.txt": b"x"})
    links = [link["href"] for link in find(visitor.get("/ana/model").text, "a") if link.text == "data/ä b#1?.txt"]
    assert links == ["/ana/model/resolve/main/data/%C3%A4%20b%231%3F.txt"]


def test_tensors_with_type_and_shape(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"model.safetensors": tiny_safetensors()})
    html = visitor.get("/ana/model").text
    found = rows(html, "tensors")
    assert [row[:3] for row in found] == [
        [name, dtype, " × ".join(map(str, shape)) or "scalar"] for name, (dtype, shape) in TINY.items()
    ]
    assert found[0][3] == "1.02 kB"
    [data] = find(html, "data")
    assert data["value"] == str(32 * 16 + 48 * 16 + 16 + 8 + 1)
    [summary] = find(html, "summary")
    assert words(summary) == "model.safetensors 5 tensors · 1.28 K BF16, 17 F32, 8 I64"


def test_shards_are_added_up(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", tiny_sharded())
    html = visitor.get("/ana/model").text
    assert find(html, "data")[0]["value"] == "1305"
    assert len(find(html, "details")) == 2
    assert sorted(row[0] for row in rows(html, "tensors")) == sorted(TINY)


def test_gguf_is_read_too(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"q.gguf": tiny_gguf()})
    html = visitor.get("/ana/model").text
    assert "token_embd.weight" in [row[0] for row in rows(html, "tensors")]
    assert find(html, "data") != []


def test_a_model_without_weights(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"pytorch_model.bin": b"x"})
    html = visitor.get("/ana/model").text
    assert "No file of this model is one whose tensors Tukar can read" in html
    assert find(html, "data") == []


def test_bases_link_where_they_are_here(publish: Publish, visitor: Visitor) -> None:
    publish("ana/base", {"x": b"x"})
    publish("ana/secret", {"x": b"x"}, private=True)
    bases = ["ana/BASE", "ana/secret", "elsewhere/model", "javascript:alert(1)", "../../etc"]
    card = f"---\nbase_model: {bases}\nbase_model_relation: adapter\n---\n"
    publish("ana/model", {"README.md": card.encode()})
    html = visitor.get("/ana/model").text
    [shown] = find(html, "ul", class_="bases")
    assert words(shown) == (
        "ana/BASE ana/secret not on this hub elsewhere/model not on this hub javascript:alert(1) not on this hub "
        "../../etc not on this hub"
    )
    assert [link["href"] for link in find(html, "a") if "bdi" not in link.inside and link.text in bases] == [
        "/ana/base"
    ]
    assert "adapter" in html


def test_the_history_newest_first(publish: Publish, visitor: Visitor) -> None:
    for number in range(14):
        publish("ana/model", {"x": b"%d" % number}, f"Change {number}")
    html = visitor.get("/ana/model").text
    titles = [words(span) for span in find(html, "span", class_="commit-title")]
    assert titles == [f"Change {number}" for number in range(13, 3, -1)]
    assert "The newest 10 of 15 commits." in html


def test_an_older_revision_has_a_page(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"# Old\n\n[x](x.txt)"}, "Old")
    publish("ana/model", {"README.md": b"# New"}, "New")
    [_, old, *_] = [a["href"] for a in find(visitor.get("/ana/model").text, "a") if "/tree/" in a["href"]]
    oid = old.rpartition("/")[2]
    html = visitor.get(old).text
    assert words(find(html, "article")[0]) == "Old x"
    assert find(html, "a", href=f"/ana/model/resolve/{oid}/x.txt") != []
    assert any(f"--revision {oid}" in code.text for code in find(html, "code"))
    assert "You are looking at the revision" in html


def test_how_to_get_it(publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"x": b"x"})
    commands = [words(code) for code in find(visitor.get("/ana/model").text, "code") if "figure" in code.inside]
    assert commands[:2] == [
        "HF_ENDPOINT=http://hub.test:8080 \\ hf download ana/model",
        "HF_ENDPOINT=http://hub.test:8080 \\ tukar pull ana/model",
    ]
    assert 'endpoint="http://hub.test:8080"' in commands[2]


def test_names_are_found_in_whatever_case(publish: Publish, visitor: Visitor) -> None:
    publish("ana/Model", {"x": b"x"})
    assert find(visitor.get("/ANA/model").text, "title")[0].text == "ana/Model · Tukar"


def test_hostile_names_are_only_text(publish: Publish, visitor: Visitor) -> None:
    bad = '"><script>alert(1)</script>\u202e{{7*7}}'
    keys = ("license", "tags", "language", "library_name", "pipeline_tag", "datasets", "base_model")
    card = "---\n" + "".join(f"{key}: {json.dumps(bad)}\n" for key in keys) + "---\n"
    weights = tiny_safetensors(shapes={bad: ("F32", (2,))}, metadata={bad: bad})
    publish("ana/model", {"README.md": card.encode(), f"{bad}.safetensors": weights, f"{bad}.txt": b"x"}, bad)
    html = visitor.get("/ana/model").text
    assert [script["src"].partition("?")[0] for script in find(html, "script")] == ["/static/script.js"]
    shown = '"><script>alert(1)</script>\\u202e{{7*7}}'
    assert len(re.findall(re.escape(shown), "\n".join(e.text for e in read(html) if e.tag == "bdi"))) == 12
    assert "\u202e" not in html
    assert [e for e in read(html) for name in e.attributes if name.startswith("on")] == []
