"""The reference pages as what they document: headings, the text below each, and table rows."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def sections(page: str) -> dict[str, str]:
    """The text below each heading of level 2 and deeper, up to the next one; headings without code marks."""
    pieces = re.split(r"^##+ (.+)$", _outside_fences(page), flags=re.MULTILINE)
    return {title.replace("`", "").strip(): text for title, text in zip(pieces[1::2], pieces[2::2], strict=True)}


def rows(page: str) -> list[list[str]]:
    """The cells of each table row whose first cell is code, without code marks."""
    lines = re.findall(r"^\| (`.+) \|$", _outside_fences(page), flags=re.MULTILINE)
    return [[cell.replace("`", "").strip() for cell in line.split(" | ")] for line in lines]


def _outside_fences(page: str) -> str:
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
