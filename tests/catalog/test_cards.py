"""Reading a card: what it says is found, and nothing in it makes the reading fail."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.catalog import cards
from tukar.catalog.cards import Card

FULL = """---
license: apache-2.0
language:
- en
- no
tags: [text-generation, 2024, 1.5]
base_model: lab/base
pipeline_tag: text-generation
library_name: transformers
datasets:
- lab/data
released: 2024-05-01
model-index:
- name: x
  results: [{metric: 0.5, verified: true, note: null}]
---
# A model

---
text
"""


def test_a_whole_card() -> None:
    card = cards.parse(FULL.encode())
    assert card.license == "apache-2.0"
    assert card.language == ("en", "no")
    assert card.tags == ("text-generation", "2024", "1.5")
    assert card.base_model == ("lab/base",)
    assert (card.pipeline_tag, card.library_name, card.datasets) == ("text-generation", "transformers", ("lab/data",))
    assert card.metadata["released"] == "2024-05-01"
    assert card.metadata["model-index"] == [{"name": "x", "results": [{"metric": 0.5, "verified": True, "note": None}]}]
    assert card.body == "# A model\n\n---\ntext\n"
    assert card.errors == ()


def test_a_card_that_was_kept_says_the_same() -> None:
    card = cards.parse(FULL)
    kept = cards.from_json(card.to_json())
    assert kept.metadata == card.metadata
    assert (kept.license, kept.tags, kept.base_model, kept.body) == (card.license, card.tags, card.base_model, "")
    assert cards.from_json(None) == Card()
    assert cards.parse("just text").to_json() is None


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n\n"])
def test_line_ends_and_marks_do_not_matter(newline: str, before: str) -> None:
    text = before + newline.join(["---", "license: mit", "---", "body"])
    card = cards.parse(text.encode())
    assert (card.license, card.body, card.errors) == ("mit", "body", ())


@pytest.mark.parametrize(
    "text", ["", "text", "# Title\n---\nlicense: mit\n---\n", "---\nlicense: mit\n", "----\na\n---\n"]
)
def test_without_front_matter_all_is_body(text: str) -> None:
    assert cards.parse(text) == Card(body=text)


@pytest.mark.parametrize("text", ["---\n---\nbody", "---\n# a comment\n---\nbody"])
def test_empty_front_matter(text: str) -> None:
    assert cards.parse(text) == Card(body="body")


def test_several_licences() -> None:
    card = cards.parse("---\nlicense: [mit, apache-2.0]\n---\n")
    assert card.license == "mit"
    assert card.metadata["license"] == ["mit", "apache-2.0"]


@pytest.mark.parametrize(
    ("front", "error"),
    [
        ("license: [mit", "line"),
        ("- a\n- b", "not a mapping"),
        ("just text", "not a mapping"),
        ("a: 1\n... \n--- {b: 2}", "several YAML documents"),
        ("a: &x 1\nb: *x", "aliases"),
        ("{[a]: b}", "key"),
        ("a: \x01", "not valid YAML"),
        ("a: b: c", "line 1"),
        ("[" * 100, "deeper"),
        ("[" * 100_000, "deeper"),
        ("- " * 100_000, "deeper"),
        ("{a: " * 50_000, "deeper"),
        ("x" * 300_000, "characters"),
    ],
)
def test_bad_front_matter_is_told_and_the_body_kept(front: str, error: str) -> None:
    card = cards.parse(f"---\n{front}\n---\nbody")
    assert (card.metadata, card.body) == ({}, "body")
    assert len(card.errors) == 1
    assert error in card.errors[0]


def test_a_wrong_type_is_told_and_the_rest_read() -> None:
    card = cards.parse("---\nlicense: {name: mit}\ntags: [a, [b], null]\nbase_model:\npipeline_tag: x\n---\n")
    assert (card.license, card.tags, card.base_model, card.pipeline_tag) == (None, ("a",), (), "x")
    assert card.errors == ("'license' should be text, or a list of texts", "'tags' should be text, or a list of texts")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("true", True), ("False", False), ("'true'", "true"),
        ("~", None), ("", None), ("''", ""), ("null", None), ("12", 12), ("-1", -1), ("1_000", "1_000"), ("007", 7),
        ("1.0", 1.0), ("1e3", 1000.0), ("1.2.3", "1.2.3"), (".inf", ".inf"), ("1e999", "1e999"), (".nan", ".nan"),
        ("1:30", "1:30"), ("2024-05-01", "2024-05-01"), ("9" * 30, "9" * 30), ("!!int 3", "3"),
        ("!!python/name:os.system x", "x"), ("<<", "<<"), ("-", [None]),
    ],
)  # fmt: skip
def test_what_a_scalar_means(text: str, value: object) -> None:
    found = cards.parse(f"---\nx: {text}\n---\n" if text != "-" else "---\nx:\n-\n---\n").metadata["x"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_and_the_last_of_two_counts() -> None:
    assert cards.parse("---\n1: a\ntrue: b\nnull: c\nx: 1\nx: 2\n---\n").metadata == {
        "1": "a", "true": "b", "null": "c", "x": 2,
    }  # fmt: skip


def test_what_is_not_text_or_too_long_is_told() -> None:
    assert cards.parse(b"\xff\xfe").errors == ("the card is not UTF-8 text",)
    long = cards.parse(b"---\nlicense: mit\n---\n" + b"x" * (1 << 20))
    assert long.license == "mit"
    assert "only the first 1048576 are read" in long.errors[0]


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_nothing_makes_it_fail(content: bytes | str) -> None:
    cards.parse(content)


@given(st.text(st.sampled_from("-[]{}:,&*!|>'\"%@`#?~ab1.\n \t<\x00é"), max_size=60))
def test_no_front_matter_makes_it_fail(front: str) -> None:
    card = cards.parse(f"---\n{front}\n---\n")
    assert cards.from_json(card.to_json()).metadata == card.metadata
    json.loads(json.dumps(dict(card.metadata), allow_nan=False))
