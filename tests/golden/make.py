"""Make a golden store: ``python -m tests.golden.make FOLDER``, once for each version of the byte format.

What is committed stays as it is for ever; the tests make it again in memory to see that it would come out the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from tukar.database import Database
from tukar.database.migrate import migrate
from tukar.objects import landing, packing
from tukar.objects.sources import BytesSource
from tukar.storage.base import Storage
from tukar.storage.memory import MemoryStorage

from .contents import V1_LARGE, V1_RAW, V1_ZSTD

V1 = Path(__file__).parent / "v1"
NOW = 1_700_000_000.0
SMALL_BLOCKS, SMALL_PACKS = 2048, 16384  # so that a few kilobytes make many of each


def make_v1(database: Database, storage: Storage) -> dict[str, str]:
    """Land the files of version 1 in packs with ids of ours; returns the sha256 of each."""
    numbers = count(1)
    fixed = SimpleNamespace(token_hex=lambda size: hashlib.sha256(b"%d" % next(numbers)).hexdigest()[: 2 * size])
    with patch.object(packing, "secrets", fixed):
        return {
            **_land(database, storage, V1_RAW, SMALL_BLOCKS, SMALL_PACKS),
            **_land(database, storage, V1_ZSTD, SMALL_BLOCKS, SMALL_PACKS),
            **_land(database, storage, V1_LARGE, landing.BLOCK_SIZE, landing.PACK_SIZE),
        }


def _land(
    database: Database, storage: Storage, contents: Mapping[str, bytes], block_size: int, pack_size: int
) -> dict[str, str]:
    with landing.Landing(database, storage, NOW, block_size, pack_size) as batch:
        sha256s = {name: batch.add(BytesSource(content)) for name, content in contents.items()}
        batch.seal()
        with database.write() as tx:
            batch.register(tx)
    return sha256s


def blobs(storage: Storage) -> dict[str, bytes]:
    """Everything in a storage."""
    return {stat.key: storage.read(stat.key, 0, stat.size) for stat in storage.list()}


def main(folder: Path) -> None:
    """Write the store and what is to be expected of it; FileExistsError if there is one."""
    folder.mkdir()
    database, storage = Database("sqlite:///" + str(folder / "index.sqlite")), MemoryStorage()
    migrate(database)
    files = make_v1(database, storage)
    database.close()
    (folder / "index.sqlite").unlink()
    packs = blobs(storage)
    for key, data in packs.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    expected = {"files": files, "packs": {key: hashlib.sha256(data).hexdigest() for key, data in packs.items()}}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
