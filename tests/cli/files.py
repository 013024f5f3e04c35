"""Folders to push, and what is in a folder afterwards."""

import random
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tukar.testing.models import tiny_sharded

CARD = b"---\nlicense: apache-2.0\ntags: [tests]\n---\n# A model\n"

# Each of these has gone wrong somewhere: in a URL, in a form, in a shell, in a sort.
ODD = {
    "a dir/b+%25&c=d~#?.txt": b"odd",
    "\u00fcn\u00efc\u00f6de/\u6a21\u578b.json": b"{}\n",
    ".hidden": b"dot",
    "deep/er/and/deeper/still.md": b"# deep\n",
    "-dash": b"dash",
    "quote'\".txt": b"quotes",
    "empty.txt": b"",
    "empty.bin": b"",
    "zeros.dat": b"\0" * 5000,
}


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def arrived(folder: Path) -> int:
    """Bytes of what is still coming; files are renamed meanwhile."""
    size = 0
    for path in folder.glob("**/*.part"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def model(folder: Path, seed: int = 0) -> Path:
    """A sharded model with a card."""
    return write(folder, {**tiny_sharded(seed), "README.md": CARD})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what Tukar keeps for itself."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: path.read_bytes() for name, path in named.items() if not name.startswith(".tukar/")}
