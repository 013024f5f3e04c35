"""HTML from anybody as HTML that can do no harm, in three steps.

1. Attributes of formatting elements go, before the HTML is parsed: where they differ, the parsing rules let n of them
   and m paragraphs grow to n × m elements (https://html.spec.whatwg.org/#reconstruct-the-active-formatting-elements).
2. nh3 (the parser of a browser, and an allow list) leaves elements, attributes and URL schemes that are harmless.
3. What is left is written anew, one allowed element after the other, with the addresses of this hub: see ``Rewriter``.
"""

from __future__ import annotations

import re
from typing import Final

import nh3

from tukar.gallery.addresses import Place
from tukar.gallery.rewriter import rewrite

_FORMATTING: Final = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*>", re.IGNORECASE)


def _words(text: str) -> set[str]:
    return set(text.split())


_HEADINGS: Final = _words("h1 h2 h3 h4 h5 h6")
_TAGS: Final = _HEADINGS | _words(
    "a abbr b bdi blockquote br caption center cite code dd del details dfn div dl dt em figcaption figure hr i img "
    "ins kbd li mark ol p pre q rp rt ruby s samp small span strike strong sub summary sup table tbody td tfoot th "
    "thead tr tt u ul var wbr"
)
# Of these the content goes too, not only the tags.
_DROPPED: Final = _words("iframe math noembed noframes noscript object script style svg template textarea title xmp")
_CELL: Final = {"colspan", "rowspan"}
_ATTRIBUTES: Final = {
    "a": {"href", "title", "id"},
    "abbr": {"title"},
    "details": {"open"},
    "div": {"id"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "span": {"id"},
    "td": _CELL,
    "th": _CELL,
    **{heading: {"id"} for heading in _HEADINGS},
}
_ALIGN: Final = {"align": {"left", "center", "right"}}
_VALUES: Final = {
    **dict.fromkeys(("div", "p", "td", "th", *_HEADINGS), _ALIGN),
    "bdi": {"dir": {"ltr", "rtl", "auto"}},
}
_NUMERIC: Final = {"colspan", "rowspan", "height", "width", "start"}


def clean(html: str, place: Place) -> str:
    """A fragment of HTML from anybody, made safe. Relative addresses in it become those of the files of ``place``."""
    allowed = nh3.clean(
        _FORMATTING.sub(r"<\1>", html),
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        tag_attribute_values=_VALUES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    return rewrite(allowed, place)


def _filter(_: str, attribute: str, value: str) -> str | None:
    """Numbers only where a number belongs, and none that could stretch the page."""
    if attribute in _NUMERIC and not re.fullmatch(r"[0-9]{1,3}%?", value):
        return None
    return value
