"""What the documents point to is there. (Links inside docs/ are checked by `make docs`.)"""

import re
from pathlib import Path

import pytest

from .pages import DOCS

ROOT = DOCS.parent
PACKAGE = ROOT / "src" / "tukar"


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_design_names_files_that_are_there() -> None:
    text = (DOCS / "design" / "index.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+/(?:[a-z_]+\.py)?)`", text)
    assert named
    assert [name for name in named if not (PACKAGE / name).exists()] == []


def test_every_package_is_in_the_design() -> None:
    text = (DOCS / "design" / "index.md").read_text(encoding="utf-8")
    packages = {f"  {folder.parent.name}/ " for folder in PACKAGE.glob("*/__init__.py")}
    assert [name for name in sorted(packages) if name not in text] == []


def test_every_decision_is_in_the_index() -> None:
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in (DOCS / "decisions").glob("0*.md") if f"({page.name})" not in index] == []
