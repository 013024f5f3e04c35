"""Cards: Markdown that anybody may have written, as HTML that is safe to show.

CommonMark with tables and strikethrough (https://spec.commonmark.org, https://github.github.com/gfm/#tables-extension-);
raw HTML passes through the sanitiser like everything else.

A Markdown parser can be made to work for hours by a small text, and to write gigabytes (`[a][a][a]` with a long
address). So its work is counted, not timed: a card beyond the limits is shown as its source. The limits are far above
what cards need: the largest has some 100 KB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

from tukar.gallery import sanitiser
from tukar.gallery.addresses import Place

MAX_INPUT: Final = 1 << 20  # characters; what follows is left out
MAX_LINES: Final = 20_000
MAX_AMPERSANDS: Final = 20_000  # writing them into one text takes the sanitiser quadratic time
MAX_BLOCKS: Final = 50_000  # tokens of blocks: paragraphs, cells, items
MAX_INLINE: Final = 32 << 10  # characters of one paragraph or cell; a longer one is shown without markup
MAX_STEPS: Final = 150_000  # places at which the parser looks for markup; where an address may begin they count more
MAX_DELIMITERS: Final = 2_000  # * _ ~ of one paragraph: pairing them takes quadratic time
ADDRESS_STEPS: Final = 8
MAX_TAGS: Final = 10_000  # of raw HTML: closing nested lists takes quadratic time
MAX_OUTPUT: Final = 4 << 20  # characters


class _TooMuch(Exception):
    """The text is beyond a limit."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A card as HTML.

    Attributes:
        is_source: whether the limits were exceeded, so that the HTML shows the text as it was written.
    """

    html: Markup
    is_source: bool = False


@lru_cache(maxsize=16)
def render(text: str, place: Place) -> Rendered:
    """Markdown as safe HTML. Relative addresses in it are those of the files of ``place``."""
    text = text[:MAX_INPUT]
    try:
        return Rendered(Markup(_render(text, place)))  # noqa: S704 - the sanitiser has seen it
    except _TooMuch:
        return Rendered(Markup(f"<pre>{escape(text)}</pre>"), is_source=True)  # noqa: S704 - escaped


def _render(text: str, place: Place) -> str:
    if text.count("\n") > MAX_LINES or text.count("&") > MAX_AMPERSANDS:
        raise _TooMuch
    unsafe: str = _parser.render(text, {"steps": 0})
    clean = sanitiser.clean(unsafe, place)
    if len(clean) > MAX_OUTPUT:
        raise _TooMuch
    return clean


def _check_blocks(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if len(state.tokens) > MAX_BLOCKS:
        raise _TooMuch
    return False


def _set_long_text_plain(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and len(token.content) > MAX_INLINE:
            token.type = "text"


def _count_step(state: StateInline, silent: bool) -> bool:
    state.env["steps"] += ADDRESS_STEPS if state.src[state.pos] in "<[" else 1
    if state.env["steps"] > MAX_STEPS:
        raise _TooMuch
    return False


def _check_delimiters(state: StateInline) -> None:
    if len(state.delimiters) > MAX_DELIMITERS:
        raise _TooMuch


def _check_output(state: StateCore) -> None:
    tags = size = 0
    for token in _walk(state.tokens):
        size += len(escape(token.content)) + sum(len(str(value)) for value in token.attrs.values())
        if token.type in ("html_block", "html_inline"):
            tags += token.content.count("<")
    if size > MAX_OUTPUT or tags > MAX_TAGS:
        raise _TooMuch


def _walk(tokens: list[Token]) -> list[Token]:
    """The tokens and what is directly inside of them."""
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def _align_cells(state: StateCore) -> None:
    """The pages allow no style attributes."""
    for token in state.tokens:
        style = token.attrs.pop("style", None) if token.type in ("th_open", "td_open") else None
        if isinstance(style, str):
            token.attrs["align"] = style.removeprefix("text-align:")


def _name_headings(state: StateCore) -> None:
    """Give each heading an id, as the Hugging Face Hub makes it, for links from elsewhere in the card."""
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open":
            words = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            opening.attrs["id"] = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")[:100]


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.block.ruler.before("table", "check_blocks", _check_blocks)
    parser.core.ruler.before("inline", "set_long_text_plain", _set_long_text_plain)
    parser.core.ruler.push("align_cells", _align_cells)
    parser.core.ruler.push("name_headings", _name_headings)
    parser.core.ruler.push("check_output", _check_output)
    parser.inline.ruler.before("text", "count_step", _count_step)
    parser.inline.ruler2.before("balance_pairs", "check_delimiters", _check_delimiters)
    return parser


_parser: Final = _make_parser()
