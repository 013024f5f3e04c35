"""A flipped bit anywhere in the storage is found by check, blamed on the right files, and never served."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar import codecs
from tukar.database import Database, metadata
from tukar.errors import Corrupt, NotFound
from tukar.objects import manifests, tables
from tukar.objects.cache import BlockCache
from tukar.objects.packs import MANIFEST, PREFIX, Record, read_footer
from tukar.objects.sources import BytesSource
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_gguf, tiny_safetensors

from .faulty import FlippedStorage
from .stores import PACK, Store, digests, noise, sha256_of, text

KINDS = ("header", "raw", "zstd", "manifest", "dead", "record", "table", "count", "trailer")
FAST, FULL = 45, 1500
HEADER, COUNT, RECORD, ENTRY = 8, 4, 64, 68  # bytes, as the format has them


@dataclass(frozen=True)
class Region:
    """Bytes of a pack of one kind, and the files that are touched when one of them is damaged."""

    kind: str
    key: str
    start: int
    stop: int
    touched: frozenset[str]


@dataclass(frozen=True)
class Family:
    """A store, what each of its files must be, and what lies where in its packs."""

    store: Store
    contents: dict[str, bytes]
    regions: list[Region]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('flips')}/database.sqlite")
    metadata.create_all(database.engine)
    store = Store(database, MemoryStorage())
    base, config = tiny_safetensors(0), text(1500)
    tuned = base[: -len(base) // 3] + tiny_safetensors(1)[-len(base) // 3 :]  # shares its first tensors
    contents = [base, tuned, tiny_gguf(), text(2000, 1) + noise(300), config, b"", noise(1000), b"tiny"]
    store.land(*contents[:5])
    store.land(*contents[5:7])
    _land_twice_at_once(store, contents[7], config + b"twice")
    contents.append(config + b"twice")
    by_sha256 = {sha256_of(content): content for content in contents}
    yield Family(store, by_sha256, list(_regions(store, by_sha256)))
    database.close()


def _land_twice_at_once(store: Store, alone: bytes, both: bytes) -> None:
    """The second pack holds what came to be known through the first: its bytes are dead."""
    with store.landing() as first, store.landing() as second:
        first.add(BytesSource(both))
        for content in (both, alone):
            second.add(BytesSource(content))
        for landing in (first, second):
            landing.seal()
            with store.database.write() as tx:
                landing.register(tx)


def _regions(store: Store, contents: dict[str, bytes]) -> Iterator[Region]:
    for pack_id, size in store.rows(sa.select(tables.packs.c.id, tables.packs.c.size)):
        key = f"{PREFIX}{pack_id[:2]}/{pack_id}"
        yield from _pack_regions(store, contents, key, pack_id, size)


def _pack_regions(store: Store, contents: dict[str, bytes], key: str, pack_id: str, size: int) -> Iterator[Region]:
    known = store.rows(sa.select(tables.objects.c.digest).where(tables.objects.c.pack_id == pack_id))
    living = {digest for (digest,) in known}
    records = read_footer(store.storage, pack_id)
    touched = {r.digest: _users(store, r, key, contents) if r.digest in living else frozenset() for r in records}
    everyone = frozenset().union(*touched.values())
    yield Region("header", key, 0, HEADER, everyone)
    for record in records:
        yield from _block_regions(record, key, record.digest in living, touched[record.digest])
    footer = HEADER + sum(record.stored_size for record in records)
    yield Region("count", key, footer, footer + COUNT, everyone)
    ends = accumulate((RECORD + len(r.table) for r in records), initial=footer + COUNT)
    for record, start in zip(records, ends, strict=False):
        yield Region("record", key, start, start + RECORD, everyone)
        yield Region("table", key, start + RECORD, start + RECORD + len(record.table), everyone)
    yield Region("trailer", key, size - 48, size, everyone)


def _block_regions(record: Record, key: str, alive: bool, touched: frozenset[str]) -> Iterator[Region]:
    for block in record.blocks():
        kind = "raw" if block.stored_size == block.raw_size else "zstd"
        kind = "manifest" if record.kind == MANIFEST else kind
        yield Region(kind if alive else "dead", key, block.start, block.start + block.stored_size, touched)


def _users(store: Store, record: Record, key: str, contents: dict[str, bytes]) -> frozenset[str]:
    if record.kind == MANIFEST:
        raw = b"".join(_decode(store, record, key))
        return frozenset([manifests.decode(raw).sha256])
    return frozenset(sha256 for sha256, content in contents.items() if record.digest in digests(content))


def _decode(store: Store, record: Record, key: str) -> Iterator[bytes]:
    for block in record.blocks():
        stored = store.storage.read(key, block.start, block.start + block.stored_size)
        whole = len(stored) == block.raw_size
        yield stored if whole else codecs.codec(record.codec).decode(b"", stored, block.raw_size, ())


def test_the_store_has_every_kind_of_region_and_no_byte_outside_of_them(family: Family) -> None:
    assert {region.kind for region in family.regions} == set(KINDS)
    assert sum(region.stop - region.start for region in family.regions) == sum(family.store.blobs().values())
    assert len(family.store.blobs()) >= 4
    assert any(len(region.touched) > 1 for region in family.regions if region.kind in ("raw", "zstd"))
    assert max(family.store.blobs().values()) > PACK


def test_the_store_is_sound_before_anything_is_flipped(family: Family) -> None:
    assert family.store.check() == []
    assert all(family.store.read(sha256) == content for sha256, content in family.contents.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_found_and_not_served(family: Family, kind: str) -> None:
    for region, byte, bit in _sample(family, kind, FAST // len(KINDS) + 1, seed=1):
        _flip(family, region, byte, bit)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_flipped_bits_are_found_and_not_served(family: Family, kind: str) -> None:
    for region, byte, bit in _sample(family, kind, FULL // len(KINDS) + 1, seed=2):
        _flip(family, region, byte, bit)


@pytest.mark.slow
def test_every_bit_of_a_tiny_pack_is_found_and_not_served(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/database.sqlite")
    metadata.create_all(database.engine)
    store, contents = Store(database, MemoryStorage()), {sha256_of(b"tiny"): b"tiny"}
    store.land(b"tiny")
    family = Family(store, contents, list(_regions(store, contents)))
    for region in family.regions:
        for byte in range(region.start, region.stop):
            for bit in range(8):
                _flip(family, region, byte, bit)
    database.close()


def _sample(family: Family, kind: str, count: int, seed: int) -> Iterator[tuple[Region, int, int]]:
    chance = random.Random(f"{seed}/{kind}")
    regions = [region for region in family.regions if region.kind == kind]
    for _ in range(count):
        region = chance.choice(regions)
        yield region, chance.randrange(region.start, region.stop), chance.randrange(8)


def _flip(family: Family, region: Region, byte: int, bit: int) -> None:
    store = family.store
    damaged = FlippedStorage(store.storage, region.key, byte, bit)
    findings = store.check(damaged)
    assert findings, f"{region}: bit {bit} of byte {byte} was not found"
    assert {sha256 for finding in findings for sha256 in finding.files} == region.touched
    store.cache = BlockCache(1 << 20)
    for sha256, content in family.contents.items():
        for start, stop in _ranges(len(content)):
            _read_damaged(store, damaged, sha256, content, start, stop, spoilt=region)


def _ranges(size: int) -> list[tuple[int, int]]:
    return [(0, size), (0, size // 3), (size // 2, size // 2 + min(20, size // 2))]


def _read_damaged(
    store: Store, damaged: FlippedStorage, sha256: str, content: bytes, start: int, stop: int, spoilt: Region
) -> None:
    try:
        data = store.open(sha256, damaged).read(start, stop)
    except (Corrupt, NotFound):
        assert sha256 in spoilt.touched
    else:
        assert data == content[start:stop]
        assert spoilt.kind != "raw" or sha256 not in spoilt.touched or (start, stop) != (0, len(content))
