"""The golden store of version 1 is read as ever, and what is written today would be the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.codecs.raw import Raw
from tukar.codecs.zstd import Zstd
from tukar.database import Database
from tukar.database.migrate import migrate
from tukar.objects.packs import CONTENT, MANIFEST, Record, key, read_footer
from tukar.objects.rebuild import rebuild_index
from tukar.objects.store import ObjectStore
from tukar.objects.tables import files
from tukar.objects.writing import PackWriter
from tukar.storage.base import Storage
from tukar.storage.memory import MemoryStorage
from tukar.testing.storage import put

from .contents import V1_LARGE, V1_RAW, V1_ZSTD
from .make import NOW, V1, blobs, make_v1

_EXPECTED = json.loads((V1 / "expected.json").read_text(encoding="utf-8"))
_CONTENTS = {**V1_RAW, **V1_ZSTD, **V1_LARGE}


@pytest.fixture
def golden() -> Storage:
    """The committed store."""
    storage = MemoryStorage()
    for name in _EXPECTED["packs"]:
        put(storage, name, (V1 / name).read_bytes())
    return storage


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    """An index that knows nothing."""
    database = Database(f"sqlite:///{tmp_path}/index.sqlite")
    migrate(database)
    yield database
    database.close()


def test_the_committed_packs_are_untouched(golden: Storage):
    assert {name: hashlib.sha256(data).hexdigest() for name, data in blobs(golden).items()} == _EXPECTED["packs"]
    assert {path.relative_to(V1).as_posix() for path in (V1 / "packs").rglob("*") if path.is_file()} == set(
        _EXPECTED["packs"]
    )


def test_every_file_is_read_back_from_packs_alone(golden: Storage, index: Database):
    assert list(rebuild_index(index, golden, NOW)) == []
    with index.read() as tx:
        assert set(tx.scalars(sa.select(files.c.sha256))) == set(_EXPECTED["files"].values())
    store = ObjectStore(index, golden)
    for name, sha256 in _EXPECTED["files"].items():
        reader = store.open_sha256(sha256)
        data = reader.read(0, reader.size)
        assert hashlib.sha256(data).hexdigest() == sha256, name
        assert data == _CONTENTS[name], name
    assert list(store.checker(0).run()) == []


def test_every_part_of_the_format_is_in_it(golden: Storage):
    """Else its being read would say little."""
    records = [record for pack_id in _pack_ids() for record in read_footer(golden, pack_id)]
    blocks = [(record, block) for record in records for block in record.blocks()]
    assert {record.kind for record in records} == {CONTENT, MANIFEST}
    assert {record.codec for record in records} == {Raw.id, Zstd.id}
    assert any(record.codec == Zstd.id and block.stored_size == block.raw_size for record, block in blocks)
    assert any(record.codec == Zstd.id and block.stored_size < block.raw_size for record, block in blocks)
    assert {len(list(record.blocks())) > 1 for record in records if record.codec == Zstd.id} == {True, False}
    assert {len(list(record.blocks())) > 1 for record in records if record.codec == Raw.id} == {True, False}
    assert {record.block_size for record in records} == {2048, 1 << 20}
    assert len(_pack_ids()) > 3
    assert any(record.size > record.block_size == 1 << 20 for record in records)


def test_what_is_written_today_is_the_same(golden: Storage, index: Database):
    today = MemoryStorage()
    assert make_v1(index, today) == _EXPECTED["files"]
    assert set(blobs(today)) == set(blobs(golden))
    for pack_id in _pack_ids():
        old, new = read_footer(golden, pack_id), read_footer(today, pack_id)
        assert list(map(_structure, new)) == list(map(_structure, old))
        if all(record.codec == Raw.id for record in old):  # zstd's frames differ from one version of it to the next
            assert blobs(today)[key(pack_id)] == blobs(golden)[key(pack_id)]


def test_packs_without_zstd_are_among_them(golden: Storage):
    """Those that the test above compares byte by byte, with a manifest in one."""
    packs = [read_footer(golden, pack_id) for pack_id in _pack_ids()]
    raw = [records for records in packs if all(record.codec == Raw.id for record in records)]
    assert len(raw) > 1
    assert any(record.kind == MANIFEST for records in raw for record in records)


def test_the_same_blocks_make_the_same_pack(golden: Storage):
    """Also where they are zstd's: header, order, footer and trailer."""
    for pack_id in _pack_ids():
        copy = MemoryStorage()
        with PackWriter(copy, pack_id) as pack:
            for record in read_footer(golden, pack_id):
                stored = golden.read(key(pack_id), record.offset, record.offset + record.stored_size)
                pack.copy(record, iter([stored]))
        assert blobs(copy)[key(pack_id)] == blobs(golden)[key(pack_id)]


def _pack_ids() -> list[str]:
    return [name.rpartition("/")[2] for name in _EXPECTED["packs"]]


def _structure(record: Record) -> tuple[object, ...]:
    """What does not depend on how well zstd did: of each block, whether it shrank and what it decodes to."""
    blocks = [(block.raw_size, block.stored_size < block.raw_size, block.raw_digest) for block in record.blocks()]
    return record.digest, record.kind, record.codec, record.size, record.block_size, record.meta, blocks
