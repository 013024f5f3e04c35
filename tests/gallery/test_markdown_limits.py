"""A small text cannot make the hub work for long, or write much: it is shown as its source instead."""

import pytest
from _pytest.mark import ParameterSet

from tukar.gallery import markdown
from tukar.gallery.addresses import Place

from .markup import harm, read

PLACE = Place("ana/model")
PARAGRAPH = 30_000
MIB = 1 << 20


def paragraphs(piece: str) -> str:
    return "\n\n".join([piece * (PARAGRAPH // len(piece))] * 32)


TANGLED = {
    "lines": "\n" * 100_000,
    "many paragraphs": "a\n\n" * 9_000 + "a\n" * 9_000,
    "open brackets": paragraphs("["),
    "open images": paragraphs("!["),
    "links": paragraphs("[a](b)"),
    "linked images": paragraphs("[![a](b)](c)"),
    "mail addresses": paragraphs("<x@y.z>"),
    "code that does not end": paragraphs("`a"),
    "stars": "a**b" * 7_000,
    "underscores": "_a" * 15_000,
    "tildes": "~~a" * 10_000,
    "ampersands": "&" * 30_000,
    "nested lists in HTML": "<ul><li>" * 6_000,
    "nested blocks in HTML": "<div>" * 20_000,
    "a long address used often": f"[a]: {'u' * 20_000}\n\n" + "[a]" * 3_000,
    "a long title used often": f"[a]: u '{'t' * 20_000}'\n\n" + "[a]" * 3_000,
    "many wide tables": ("|a" * 300 + "\n" + "|-" * 300 + "\n" + "|\n" * 300 + "\n") * 20,
    "angle brackets": paragraphs("<"),
}


SECONDS = {
    "mail addresses",
    "angle brackets",
    "code that does not end",
    "linked images",
    "open images",
    "links",
    "many wide tables",
}


def cases() -> list[ParameterSet]:
    return [
        pytest.param(text, id=name, marks=[pytest.mark.slow] if name in SECONDS else [])
        for name, text in TANGLED.items()
    ]


@pytest.mark.parametrize("text", cases())
def test_beyond_a_limit_the_source_is_shown(text: str) -> None:
    rendered = markdown.render(text, PLACE)
    assert rendered.is_source
    assert [element.tag for element in read(rendered.html)] == ["pre"]
    is_whole = read(rendered.html)[0].text == text
    assert is_whole


def test_what_a_large_card_needs_is_within_the_limits() -> None:
    section = (
        "## Figures\n\nSome *text*, a [link](https://example.org/x), `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    )
    rendered = markdown.render(section * 1_200, PLACE)
    assert len(section * 1_200) > 100_000
    assert not rendered.is_source


def test_a_long_paragraph_is_shown_without_markup() -> None:
    rendered = markdown.render("**a** " * 10_000 + "\n\n**b**", PLACE)
    assert [element.text for element in read(rendered.html) if element.tag == "strong"] == ["b"]


def test_input_beyond_the_limit_is_left_out() -> None:
    rendered = markdown.render("a\n" * MIB, PLACE)
    assert len(rendered.html) == MIB + len("<pre></pre>")


def test_formatting_that_differs_does_not_multiply() -> None:
    """The attack of the sanitiser's step 1: 300 formatting elements that differ, and 300 paragraphs."""
    html = markdown.render("".join(f"<b id={n}>" for n in range(300)) + "<p>x" * 300, PLACE).html
    assert len(read(html)) < 5_000
    assert list(harm(html)) == []
