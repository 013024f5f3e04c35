"""HTML as tests look at it: parsed, not searched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})
# What cards may be made of. Nothing in it runs, or loads by itself, but what ``harm`` looks at.
HARMLESS = re.compile(
    "a|abbr|b|bdi|blockquote|br|caption|center|cite|code|dd|del|details|dfn|div|dl|dt|em|figcaption|figure|h[2-6]|hr|i|"
    "img|ins|kbd|li|mark|ol|p|pre|q|rp|rt|ruby|s|samp|small|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|"
    "thead|tr|tt|u|ul|var|wbr"
)
ATTRIBUTES = re.compile(
    "align|alt|class|colspan|dir|height|href|id|loading|open|rel|rowspan|src|start|tabindex|title|width"
)


@dataclass
class Element:
    """An element with its attributes and all text in it."""

    tag: str
    attributes: dict[str, str | None]
    inside: tuple[str, ...] = ()
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name] or ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attrs), tuple(outer.tag for outer in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs), tuple(outer.tag for outer in self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> where <{self.open[-1].tag}> is open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.pieces.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def read(html: str) -> list[Element]:
    """The elements, in order. Fails unless every element is closed, in the right order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, f"left open: {[element.tag for element in reader.open]}"
    return reader.elements


def find(html: str, tag: str, **attributes: str) -> list[Element]:
    """The elements of this tag with these attributes (``class_`` for one of its classes)."""
    return [element for element in read(html) if element.tag == tag and _has(element, attributes)]


def _has(element: Element, attributes: dict[str, str]) -> bool:
    wanted = dict(attributes)
    kind = wanted.pop("class_", None)
    has_kind = kind is None or kind in (element.attributes.get("class") or "").split()
    return has_kind and all(element.attributes.get(name) == value for name, value in wanted.items())


def harm(html: str) -> Iterator[str]:
    """What could do harm in a fragment that somebody else wrote."""
    for element in read(html):
        if not HARMLESS.fullmatch(element.tag):
            yield f"<{element.tag}>"
        for name, value in element.attributes.items():
            if not ATTRIBUTES.fullmatch(name):
                yield f"<{element.tag} {name}={value!r}>"
            if name in ("href", "src") and not is_harmless(value or "", loads=name == "src"):
                yield f"<{element.tag} {name}={value!r}>"
        if element.tag == "a" and "href" in element.attributes and element["rel"] != "nofollow noopener noreferrer":
            yield f"<a rel={element.attributes.get('rel')!r}>"
        if not element.attributes.get("id", "card-").startswith("card-"):
            yield f"<{element.tag} id={element['id']!r}>"


def is_harmless(address: str, *, loads: bool) -> bool:
    """Whether an address, read as a browser reads it, is harmless; what ``loads`` by itself must come from this hub."""
    seen = re.sub(r"[\x00-\x20]", "", address).replace("\\", "/").lower()
    if re.match("/(?!/)|#", seen):
        return True
    return not loads and bool(re.match("https?://|mailto:", seen))
