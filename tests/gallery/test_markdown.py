"""Markdown becomes the HTML that its author meant, with the addresses of this hub."""

import pytest

from tukar.gallery import markdown
from tukar.gallery.addresses import Place

from .markup import find, read

MAIN = Place("ana/model")
FILES = "/ana/model/resolve/main"


def html(text: str, place: Place = MAIN) -> str:
    rendered = markdown.render(text, place)
    assert not rendered.is_source
    return str(rendered.html)


def test_the_page_has_the_first_heading_so_those_of_a_card_go_one_down() -> None:
    found = html("# One\n## Two\n##### Five\n###### Six")
    assert [(e.tag, e.text) for e in read(found)] == [("h2", "One"), ("h3", "Two"), ("h6", "Five"), ("h6", "Six")]


def test_a_table_with_alignment() -> None:
    found = html("| a | b |\n|:--|--:|\n| 1 | 2 |")
    assert [(e.attributes.get("align"), e.text) for e in find(found, "th")] == [("left", "a"), ("right", "b")]
    assert find(found, "table")[0].inside[-1] == "div"


def test_code_keeps_its_text() -> None:
    code = "if a < b && c:\n    print('<b>')\n"
    assert find(html(f"```python\n{code}```"), "code")[0].text == code


@pytest.mark.parametrize(
    ("text", "tag", "inside"),
    [
        ("**x**", "strong", "x"),
        ("~~x~~", "s", "x"),
        ("- x", "li", "x"),
        ("> x", "blockquote", "\nx\n"),
        ("<kbd>x</kbd>", "kbd", "x"),
        ("H<sub>2</sub>O", "sub", "2"),
        ("<details><summary>x</summary>y</details>", "summary", "x"),
    ],
)
def test_other_markup(text: str, tag: str, inside: str) -> None:
    assert [element.text for element in find(html(text), tag)] == [inside]


@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ("config.json", f"{FILES}/config.json"),
        ("./config.json", f"{FILES}/config.json"),
        ("a%20b.txt", f"{FILES}/a%20b.txt"),
        ("data/../config.json", f"{FILES}/config.json"),
        ("../../../etc/passwd", f"{FILES}/etc/passwd"),
        ("javascript%3Aalert(1)", f"{FILES}/javascript%3Aalert%281%29"),
        ("notes.md?raw=true#part", f"{FILES}/notes.md#part"),
        ("folder\\file.txt", f"{FILES}/folder/file.txt"),
        ("/ana/other", "/ana/other"),
        ("/\\example.org", "/example.org"),
        ("#part", "#card-part"),
        ("#ein%20Teil", "#card-ein%20Teil"),
        (".", "/ana/model"),
        ("https://example.org/a?b=c&d", "https://example.org/a?b=c&d"),
        ("//example.org/a", "https://example.org/a"),
        ("mailto:ana@example.org", "mailto:ana@example.org"),
    ],
)
def test_where_links_lead(written: str, leads: str) -> None:
    assert [link["href"] for link in find(html(f"[x]({written})"), "a")] == [leads]
    assert [link["href"] for link in find(html(f'<a href="{written}">x</a>'), "a")] == [leads]


def test_links_at_another_revision_lead_to_its_files() -> None:
    link = find(html("[x](a.txt) [y](.)", Place("ana/model", "refs/pr/1")), "a")
    assert [element["href"] for element in link] == [
        "/ana/model/resolve/refs%2Fpr%2F1/a.txt",
        "/ana/model/tree/refs%2Fpr%2F1",
    ]


def test_a_link_to_a_heading_finds_it() -> None:
    found = html("[go](#how-to-use-it)\n\n## How to *use* it!")
    assert find(found, "a")[0]["href"] == f"#{find(found, 'h3')[0]['id']}"


def test_an_image_of_the_repository_is_shown() -> None:
    image = find(html("![A plot](figures/plot.png)"), "img")[0]
    assert (image["src"], image["alt"]) == (f"{FILES}/figures/plot.png", "A plot")


def test_an_image_from_elsewhere_is_a_link() -> None:
    found = html("![A badge](https://img.example/badge.svg)")
    assert find(found, "img") == []
    assert [(link["href"], link.text) for link in find(found, "a")] == [("https://img.example/badge.svg", "A badge")]


def test_an_image_from_elsewhere_in_a_link_leaves_the_link_alone() -> None:
    found = html("[![](https://img.example/a/badge.svg)](https://example.org)")
    assert [(link["href"], link.text) for link in find(found, "a")] == [("https://example.org", "badge.svg")]


def test_a_card_is_set_once() -> None:
    markdown.render.cache_clear()
    assert markdown.render("# x", MAIN) is markdown.render("# x", MAIN)
