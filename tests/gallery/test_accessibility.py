"""What readers who do not see the page, or see it badly, rely on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

import pytest

from tukar.exchange.requests import Evaluation, Wish
from tukar.testing.models import tiny_safetensors
from tukar.usecases import request

from .conftest import Visitor, app, open_empty, publisher
from .markup import Element, find, read
from .swapped import Published, administrator, offered, published
from .test_login import token_of

CARD = b"---\ntags: [a]\nbase_model: x/y\n---\n# Title\n\n### Deep\n\n| a |\n|---|\n| 1 |\n\n```\ncode\n```\n"


@dataclass
class Site:
    """Who looks, and at which offer."""

    stranger: Visitor
    operator: Visitor
    offer: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_empty(tmp_path_factory.mktemp("hub")) as hub:
        publisher(hub)("ana/model", {"README.md": CARD, "model.safetensors": tiny_safetensors()})
        publisher(hub)("ana/base", {"README.md": CARD})
        published(hub, Published(("ana/base",), ("far/model",), ("ana/model",)))
        told = Evaluation("ab" * 32, "recall@1", "0.83")
        request.make(hub.services, administrator(hub), Wish("A model", "task", "mit", "a/b", told), 86_400)
        offer = offered(hub, ("far/base",), ("ana/model",), note="A word", wanted="ab" * 32)
        operator = Visitor(app(hub))
        operator.log_in(token_of(hub, "admin"))
        yield Site(Visitor(app(hub)), operator, offer.id)


STRANGERS = ["/", "/storage", "/?search=none", "/ana/model", "/ana/absent", "/exchange", "/login", "/exchange/OFFER"]
OPERATORS = ["/", "/exchange", "/exchange/OFFER", "/exchange/offer?", "/exchange/peers?", "/exchange/OFFER/accept?"]
OPERATORS += ["/storage"]


@pytest.fixture(scope="module", params=STRANGERS + [f"{path} as an operator" for path in OPERATORS])
def page(request: pytest.FixtureRequest, site: Site) -> str:
    """A page; one whose address ends with a question mark is what a form there is answered with."""
    path, _, operator = request.param.partition(" ")
    visitor, path = site.operator if operator else site.stranger, path.replace("OFFER", site.offer)
    form = {"peer": "rumah", "give": ["x", "y"], "url": "x", "into": "x"}
    return (visitor.post(path[:-1], form) if operator and path[-1] == "?" else visitor.get(path)).text


def test_language_title_and_landmarks(page: str) -> None:
    assert find(page, "html")[0]["lang"] == "en"
    assert find(page, "title")[0].text.endswith(" · Tukar")
    assert [len(find(page, tag)) for tag in ("main", "footer", "h1")] == [1, 1, 1]
    names = [e.attributes.get("aria-label") for e in read(page) if e.tag in ("nav", "aside")]
    assert all(names)
    assert len(names) == len(set(names))


def test_the_skip_link_leads_to_the_content(page: str) -> None:
    first = next(element for element in read(page) if element.tag == "a")
    assert first["href"] == f"#{find(page, 'main')[0]['id']}"


def test_ids_are_unique_and_what_is_named_by_one_exists(page: str) -> None:
    ids = [element["id"] for element in read(page) if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    names = ("for", "aria-labelledby", "aria-describedby", "list")
    named = {e.attributes[name] for e in read(page) for name in names if name in e.attributes}
    assert named <= set(ids)


def test_every_field_has_a_label(page: str) -> None:
    labelled = {label["for"] for label in find(page, "label")}
    fields = [field for tag in ("input", "select", "textarea") for field in find(page, tag)]
    assert {field["id"] for field in fields if field.attributes.get("type") != "hidden"} <= labelled


def test_the_tables_of_the_page_have_captions_and_headers(page: str) -> None:
    elements = [element for element in read(page) if "article" not in element.inside]
    count = sum(element.tag == "table" for element in elements)
    assert sum(element.tag == "caption" for element in elements) == count
    assert all("scope" in element.attributes for element in elements if element.tag == "th")


def test_images_have_a_text_or_say_that_they_need_none(page: str) -> None:
    assert all("alt" in image.attributes for image in find(page, "img"))
    assert all(image["aria-hidden"] == "true" for image in find(page, "svg"))


def test_no_level_of_headings_is_left_out_by_the_page(page: str) -> None:
    levels = [int(e.tag[1]) for e in read(page) if re.fullmatch("h[1-6]", e.tag) and "article" not in e.inside]
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_what_scrolls_can_be_reached_with_the_keyboard(page: str) -> None:
    def scrolls(element: Element) -> bool:
        return element.tag == "pre" or "scroll" in (element.attributes.get("class") or "").split()

    assert all(element["tabindex"] == "0" for element in read(page) if scrolls(element))


def themes() -> dict[str, dict[str, str]]:
    style = files("tukar.gallery").joinpath("static/style.css").read_text()
    light, dark = (dict(re.findall(r"--(\w[\w-]*): (#[0-9a-f]{6});", block)) for block in style.split(":root {")[1:3])
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "surface", "sunken", "soga-wash"])
@pytest.mark.parametrize("ink", ["ink", "muted", "link", "soga", "alarm"])
def test_text_contrasts_with_its_ground(theme: str, ground: str, ink: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_not_text_contrasts_with_its_ground(theme: str) -> None:
    """https://www.w3.org/TR/WCAG22/#non-text-contrast: the borders of fields and buttons; and words on buttons."""
    colours = themes()[theme]
    assert min(contrast(colours["control"], colours[ground]) for ground in ("paper", "surface")) >= 3
    assert contrast(colours["surface"], colours["soga"]) >= 4.5
