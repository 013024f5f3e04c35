"""English text to fine-tune on: the docstrings of packages that are pinned and pure Python, so the same everywhere."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from benchmarks.families.files import package, replace

PACKAGES = ("jinja2", "mpmath", "networkx", "sympy")
"""Their wheels are ``py3-none-any``. The versions are those of requirements/families.txt."""

DIGEST = "42a1e4a14c732b93d0bf847def174bf0de1ee0c0b55a6e1888c1467912220ded"
"""sha256 of the paragraphs, each ended by a newline. Other text would be another family."""

HELD_OUT = 256
"""Paragraphs at the front that no model is fine-tuned on; losses are taken on these."""


def paragraphs(cache: Path) -> list[str]:
    """All paragraphs, in an order that has nothing to do with where they stood. ``cache`` is read or written.

    Raises RuntimeError if the installed packages are not the pinned ones.
    """
    if not cache.exists() or _digest(cache.read_bytes()) != DIGEST:
        replace(cache, "".join(f"{paragraph}\n" for paragraph in _collect()).encode())
    content = cache.read_bytes()
    if _digest(content) != DIGEST:
        raise RuntimeError(f"the text is {_digest(content)}: install what requirements/families.txt pins")
    return content.decode().splitlines()


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _collect() -> list[str]:
    found = {text for name in PACKAGES for doc in _docstrings(package(name)) for text in _split(doc) if _is_prose(text)}
    return sorted(found, key=lambda text: sha256(text.encode()).digest())


def _docstrings(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        if "tests" in path.parts:
            continue  # half of the parsing time, and hardly a docstring
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of escapes in other people's strings
            tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def _split(docstring: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", docstring):
        yield " ".join(block.split())


def _is_prose(text: str) -> bool:
    """Whether this is mostly words: no doctest, heading, table or formula."""
    words = sum(char.isalpha() or char == " " for char in text)
    return len(text) >= 150 and words >= 0.9 * len(text) and not re.search(r">>>|---|===|\\|[^\x20-\x7e]", text)
