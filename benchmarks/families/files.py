"""Where data packages lie, and files that are whole or absent."""

from __future__ import annotations

import os
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path


def package(name: str) -> Path:
    """The folder of an installed package, which is not imported. Raises RuntimeError if it is not installed."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is missing: pip install --no-deps -r requirements/families.txt")
    return Path(spec.origin).parent


def replace(path: Path, content: bytes) -> None:
    """Write ``path`` so that a crash leaves the old content or the new."""
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    part.replace(path)


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
