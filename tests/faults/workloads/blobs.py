"""Creates, replaces and deletes blobs in a folder store, in several threads, each with keys of its own.

python -m faults.workloads.blobs ROOT OPERATIONS
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from random import Random

from tukar.storage.folder import FolderStorage

from ..powercut import mark

WORKERS = 3
SIZES = (0, 1, 511, 512, 513, 5_000, 70_000)


@cache
def content(key: str, version: int) -> bytes:
    """The bytes of a blob: of a size and a content that tell its key and version."""
    random = Random(f"{key} {version}")
    return random.randbytes(random.choice(SIZES))


def operations(worker: int, count: int) -> Iterator[tuple[str, str, int]]:
    """What a worker does: ("create" or "delete", key, version)."""
    random = Random(worker)
    for version in range(count):
        key = f"packs/{random.randrange(4):02x}/{worker}-{random.randrange(5)}"
        yield random.choice(("create", "create", "create", "delete")), key, version


def work(root: Path, storage: FolderStorage, worker: int, count: int) -> None:
    for what, key, version in operations(worker, count):
        mark(root, f"begin {what} {key} {version}")
        if what == "create":
            data = content(key, version)
            with storage.create(key) as blob:
                for start in range(0, len(data), 16_000):
                    blob.write(data[start : start + 16_000])
        else:
            storage.delete(key)
        mark(root, f"done {what} {key} {version}")


def main(root: Path, count: int) -> None:
    storage = FolderStorage(root / "store")
    with ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(work, root, storage, worker, count // WORKERS) for worker in range(WORKERS)]:
            future.result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
