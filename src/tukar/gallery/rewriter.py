"""The last step of sanitising: HTML written anew, with addresses that lead where a card's author meant them to.

- Relative addresses are those of the model's own files; ``#part`` stays in the card; ids get the prefix ``card-``, so
  that they cannot be those of the page. What begins with ``/`` stays on this hub.
- Images from elsewhere become links: looking at a card tells nobody that it is being looked at.
- Headings go one level down: the page has its own first-level heading. Tables can be scrolled by themselves.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from tukar.gallery.addresses import Place

_PREFIX: Final = "card-"
_REL: Final = "nofollow noopener noreferrer"
_VOID: Final = frozenset({"br", "hr", "img", "wbr"})
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# What browsers leave out of an address before they look at it (https://url.spec.whatwg.org/#url-parsing).
_IGNORED: Final = re.compile(r"[\t\n\r]|^[\x00-\x20]+|[\x00-\x20]+$")

Attributes = Iterable[tuple[str, str | None]]


def rewrite(html: str, place: Place) -> str:
    """Well-formed HTML of allowed elements, as nh3 writes it, with the addresses of ``place``."""
    writer = Rewriter(place)
    writer.feed(html)
    writer.close()
    return "".join(writer.written)


def link(address: str, place: Place) -> str | None:
    """Where a link in a card leads; None if nowhere that is safe."""
    address = _IGNORED.sub("", address)
    if address.startswith("#"):
        return f"#{_PREFIX}{quote(unquote(address[1:]), safe='')}" if len(address) > 1 else None
    if is_remote(address):
        return _absolute(address)
    return _local(address, place)


def is_remote(address: str) -> bool:
    """Whether an address names a scheme or another host."""
    return bool(_SCHEME.match(address)) or address.startswith("//")


def _absolute(address: str) -> str | None:
    scheme = _SCHEME.match(address)
    if scheme is None:
        return f"https:{address}"
    return address if scheme[1].lower() in ("http", "https", "mailto") else None


def _local(address: str, place: Place) -> str | None:
    path, _, fragment = address.partition("#")
    # As browsers do: to them a backslash is a slash.
    path = unquote(path.partition("?")[0]).replace("\\", "/")
    inside = posixpath.normpath("/" + path).lstrip("/")
    anchor = f"#{quote(unquote(fragment), safe='')}" if fragment else ""
    if path.startswith("/"):
        return f"/{quote(inside)}{anchor}"
    return place.file(inside) + anchor if inside else place.page + anchor


class Rewriter(HTMLParser):
    """Writes what it reads, element by element; every attribute value and every text is escaped anew."""

    def __init__(self, place: Place) -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self._place = place
        self._links = 0
        self._ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        if tag == "img":
            self._image(dict(attrs))
            return
        if tag == "table":
            self.written.append('<div class="scroll" tabindex="0">')
        self._links += tag == "a"
        self._open(_lowered(tag), self._attributes(tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if tag in _VOID:
            return
        self._links -= tag == "a"
        self.written.append(f"</{_lowered(tag)}>")
        if tag == "table":
            self.written.append("</div>")

    def handle_data(self, data: str) -> None:
        """Text."""
        self.written.append(escape(data, quote=False))

    def _open(self, tag: str, attributes: Attributes) -> None:
        pairs = (f' {name}="{escape(value or "")}"' for name, value in attributes)
        self.written.append(f"<{tag}{''.join(pairs)}>")

    def _attributes(self, tag: str, attrs: Attributes) -> list[tuple[str, str | None]]:
        found = dict(attrs)
        if "id" in found:
            found |= {"id": self._id(found["id"])}
        if tag == "a" and "href" in found:
            found |= {"href": link(found["href"] or "", self._place), "rel": _REL}
        if tag == "pre":
            found["tabindex"] = "0"
        return [(name, value) for name, value in found.items() if value is not None]

    def _id(self, wanted: str | None) -> str | None:
        """An id that no other element has, so that nothing in the page is named twice."""
        if not wanted or re.search(r"\s", wanted):
            return None
        name = _PREFIX + wanted
        for number in range(1, 100):
            unique = name if number == 1 else f"{name}-{number - 1}"
            if unique not in self._ids:
                self._ids.add(unique)
                return unique
        return None

    def _image(self, attrs: dict[str, str | None]) -> None:
        source = _IGNORED.sub("", attrs.get("src") or "")
        alternative = attrs.get("alt") or ""
        if not source:
            self.handle_data(alternative)
        elif is_remote(source):
            self._remote_image(source, alternative)
        else:
            kept = {**attrs, "src": _local(source, self._place), "alt": alternative, "loading": "lazy"}
            self._open("img", kept.items())

    def _remote_image(self, source: str, alternative: str) -> None:
        name = alternative or posixpath.basename(urlsplit(source).path) or source
        address = link(source, self._place)
        inside = self._links > 0 or address is None
        self._open("span" if inside else "a", [] if inside else [("href", address), ("rel", _REL)])
        self.written[-1] = self.written[-1][:-1] + ' class="remote-image">'
        self.handle_data(name[:200])
        self.written.append("</span>" if inside else "</a>")


def _lowered(tag: str) -> str:
    """A heading one level down, to the sixth; other elements as they are."""
    return f"h{min(int(tag[1]) + 1, 6)}" if re.fullmatch("h[1-6]", tag) else tag
