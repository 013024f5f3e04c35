"""Writes small files into a folder, each in a folder of its own, in one of several ways: one right, the others wrong.

writers.py ROOT WAY
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..powercut import mark

CONTENT = {f"{number}/blob{number}": bytes([65 + number]) * (700 * number) for number in range(1, 7)}


def sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def write(path: Path, data: bytes, *, durably: bool = True) -> None:
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), 1000):
            file.write(data[start : start + 1000])
        if durably:
            os.fsync(file.fileno())


def make_folder(path: Path) -> None:
    path.parent.mkdir()
    sync(path.parent.parent)


def right(root: Path, path: Path, data: bytes) -> None:
    make_folder(path)
    write(root / "tmp/new", data)
    (root / "tmp/new").rename(path)
    sync(path.parent)


def file_not_synced(root: Path, path: Path, data: bytes) -> None:
    make_folder(path)
    write(root / "tmp/new", data, durably=False)
    (root / "tmp/new").rename(path)
    sync(path.parent)


def folder_not_synced(root: Path, path: Path, data: bytes) -> None:
    make_folder(path)
    write(root / "tmp/new", data)
    (root / "tmp/new").rename(path)


def parent_not_synced(root: Path, path: Path, data: bytes) -> None:
    path.parent.mkdir()
    write(root / "tmp/new", data)
    (root / "tmp/new").rename(path)
    sync(path.parent)


def wrong_folder_synced(root: Path, path: Path, data: bytes) -> None:
    make_folder(path)
    write(root / "tmp/new", data)
    (root / "tmp/new").rename(path)
    sync(root / "tmp")


def renamed_before_the_sync(root: Path, path: Path, data: bytes) -> None:
    make_folder(path)
    write(root / "tmp/new", data, durably=False)
    (root / "tmp/new").rename(path)
    write(path, data)
    sync(path.parent)


def written_in_place(root: Path, path: Path, data: bytes) -> None:
    make_folder(path)
    write(path, data)
    sync(path.parent)


def marked_too_early(root: Path, path: Path, data: bytes) -> None:
    mark(root, f"done {path.relative_to(root)}")
    right(root, path, data)


RIGHT: list[Callable[[Path, Path, bytes], None]] = [right]
WRONG: list[Callable[[Path, Path, bytes], None]] = [
    file_not_synced,
    folder_not_synced,
    parent_not_synced,
    wrong_folder_synced,
    renamed_before_the_sync,
    written_in_place,
    marked_too_early,
]

if __name__ == "__main__":
    folder, way = Path(sys.argv[1]), {way.__name__: way for way in RIGHT + WRONG}[sys.argv[2]]
    (folder / "tmp").mkdir()
    for name, content in CONTENT.items():
        way(folder, folder / name, content)
        mark(folder, f"done {name}")
