"""The code that documentation pages show, so that tests can run it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

_BLOCK = re.compile(r'^```python title="(?P<path>[^"]+)"\n(?P<code>.*?)^```$', re.DOTALL | re.MULTILINE)


def code_blocks(page: Path) -> dict[str, str]:
    """The page's Python blocks by their titles, which are the paths of the files that they belong into."""
    return {block["path"]: block["code"] for block in _BLOCK.finditer(page.read_text(encoding="utf-8"))}


def run_blocks(page: Path, *paths: str) -> list[ModuleType]:
    """Run some of a page's blocks, in order, as the modules that they would be; the later may import the earlier."""
    blocks = code_blocks(page)
    names = [path.removeprefix("src/").removesuffix(".py").replace("/", ".") for path in paths]
    modules = [ModuleType(name) for name in names]
    try:
        for path, module in zip(paths, modules, strict=True):
            sys.modules[module.__name__] = module
            exec(compile(blocks[path], path, "exec"), module.__dict__)  # noqa: S102 - our own pages
    finally:
        for name in names:
            sys.modules.pop(name, None)
    return modules
