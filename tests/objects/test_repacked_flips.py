"""A flipped bit in what is stored as a difference, or in what it is a difference to, is found, and never served.

python -m objects.test_repacked_flips [--flips N] [--seed S]     (in tests/): many of them
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from tukar.codecs.context import Coded, Delta
from tukar.database import Database, metadata
from tukar.errors import Corrupt
from tukar.objects.cache import BlockCache
from tukar.objects.packs import COUNT, DIGEST, HEADER, RECORD, TRAILER, Record, key, read_footer
from tukar.objects.repack import Repacker
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.memory import MemoryStorage
from tukar.testing.relations import fresh, stored, tuned
from tukar.types import Digest

from .faulty import FlippedStorage
from .stores import NOW, Store, sha256_of

KINDS = ("header", "coded", "delta", "plain", "count", "record", "bases", "meta", "table", "trailer")
FAST, FULL = 3, 150  # of each kind


@dataclass(frozen=True)
class Region:
    """Bytes of a pack of one kind.

    Attributes:
        touched: the files that a check blames on damage there.
        of: for blocks, the object that they are of.
    """

    kind: str
    key: str
    start: int
    stop: int
    touched: frozenset[str]
    of: Record | None = None


@dataclass(frozen=True)
class Family:
    """A store of relatives, what each of its files must be, and what lies where in its packs."""

    store: Store
    contents: dict[str, bytes]
    regions: list[Region]

    def sample(self, kind: str, count: int, seed: int) -> Iterator[tuple[Region, int, int]]:
        chance = Random(f"{seed}/{kind}")
        regions = [region for region in self.regions if region.kind == kind]
        for _ in range(count):
            region = chance.choice(regions)
            yield region, chance.randrange(region.start, region.stop), chance.randrange(8)


def make_family(folder: Path) -> Family:
    """A base, two children, and a child of one of these; nothing else is left of how they landed."""
    database = Database(f"sqlite:///{folder}/database.sqlite")
    metadata.create_all(database.engine)
    store = Store(database, MemoryStorage(), pack_size=64 << 10, cache=BlockCache(0))
    base = fresh(0, {"up": (32, 72), "down": (64, 33), "norm": (64,)})
    child = tuned(base, 1)
    contents = [stored(each) for each in (base, child, tuned(base, 2), tuned(child, 3, change=2e-4))]
    store.land(*contents[:2])
    store.land(*contents[2:])
    Repacker(store.database, store.storage, lambda: NOW).run()
    store.collect(NOW + 1)
    return Family(store, {sha256_of(each): each for each in contents}, list(_regions(store)))


def _regions(store: Store) -> Iterator[Region]:
    users = _users(store)
    for pack_id, size in store.rows(sa.select(packs.c.id, packs.c.size)):
        place, records = key(pack_id), read_footer(store.storage, pack_id)
        everyone = frozenset().union(*(_own(store, record) for record in records))
        yield Region("header", place, 0, len(HEADER), everyone)
        for record in records:
            stop = record.offset + record.stored_size
            yield Region(_kind(record), place, record.offset, stop, users[record.digest], record)
        yield Region("count", place, stop, stop + COUNT.size, everyone)
        ends = accumulate((record.footer_size for record in records), initial=stop + COUNT.size)
        for record, start in zip(records, ends, strict=False):
            yield from _footer_regions(record, place, start, everyone)
        yield Region("trailer", place, size - TRAILER.size, size, everyone)


def _footer_regions(record: Record, place: str, start: int, everyone: frozenset[str]) -> Iterator[Region]:
    sizes = (RECORD.size, DIGEST * len(record.bases), len(record.meta), len(record.table))
    for kind, size in zip(("record", "bases", "meta", "table"), sizes, strict=True):
        if size:
            yield Region(kind, place, start, start + size, everyone)
        start += size


def _kind(record: Record) -> str:
    return {Coded.id: "coded", Delta.id: "delta"}.get(record.codec, "plain")


def _own(store: Store, record: Record) -> frozenset[str]:
    """The files that an object is in, or that it describes."""
    here = sa.select(objects.c.id).where(objects.c.digest == bytes(record.digest))
    using = sa.select(parts.c.file_id).where(parts.c.object_id.in_(here))
    query = sa.select(files.c.sha256).where(files.c.id.in_(using) | files.c.manifest_id.in_(here))
    return frozenset(row.sha256 for row in store.rows(query))


def _users(store: Store) -> dict[Digest, frozenset[str]]:
    """The files that cannot be read without an object: those that it is in, and those of what is a difference to it."""
    records = sorted((record for _, record in store.records()), key=lambda record: -record.depth)
    users = {record.digest: _own(store, record) for record in records}
    for record in records:
        for base in record.bases:
            users[base] |= users[record.digest]
    return users


def flip(family: Family, region: Region, byte: int, bit: int) -> None:
    """AssertionError unless the flipped bit is found, blamed on the right files, and not served."""
    damaged = FlippedStorage(family.store.storage, region.key, byte, bit)
    findings = family.store.check(damaged)
    assert findings, f"{region}: bit {bit} of byte {byte} was not found"
    assert {sha256 for finding in findings for sha256 in finding.files} == region.touched
    if region.of is not None:
        assert all(str(region.of.digest) in finding.message for finding in findings), "it says what is damaged"
    for sha256, content in family.contents.items():
        _read(family, damaged, region, sha256, 0, len(content))
    start = byte % len(content)
    _read(family, damaged, region, sha256, start, min(start + 20, len(content)))


def _read(family: Family, damaged: FlippedStorage, region: Region, sha256: str, start: int, stop: int) -> None:
    content = family.contents[sha256]
    is_whole, is_tensor = (start, stop) == (0, len(content)), region.kind in ("coded", "delta")
    reader, error = family.store.open(sha256, damaged), None
    try:
        assert reader.read(start, stop) == content[start:stop]
    except Corrupt as raised:
        error = raised
    if error is None:
        assert not (is_whole and is_tensor and sha256 in region.touched)
    else:
        assert region.of is not None
        assert sha256 in region.touched
        assert str(region.of.digest) in error.message


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    made = make_family(tmp_path_factory.mktemp("flips"))
    yield made
    made.store.database.close()


def test_the_store_has_every_kind_of_region_and_no_byte_outside_of_them(family: Family) -> None:
    assert {region.kind for region in family.regions} == set(KINDS)
    assert sum(region.stop - region.start for region in family.regions) == sum(family.store.blobs().values())
    assert len(family.store.blobs()) == 5
    assert max(record.depth for _, record in family.store.records()) == 2
    assert any(len(region.touched) == 4 for region in family.regions if region.kind == "coded"), "a base of all"
    assert any(len(region.touched) == 2 for region in family.regions if region.kind == "delta"), "a base of one"
    assert family.store.check() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_found_and_not_served(family: Family, kind: str) -> None:
    for region, byte, bit in family.sample(kind, FAST, seed=1):
        flip(family, region, byte, bit)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_flipped_bits_are_found_and_not_served(family: Family, kind: str) -> None:
    for region, byte, bit in family.sample(kind, FULL, seed=2):
        flip(family, region, byte, bit)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began, done = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        family = make_family(Path(folder))
        for kind in KINDS:
            share = asked.flips * (3 if kind in ("coded", "delta") else 1) // (len(KINDS) + 4)
            for region, byte, bit in family.sample(kind, share + 1, asked.seed):
                flip(family, region, byte, bit)
                done[kind] += 1
    print(f"flips: {done.total()}, seed {asked.seed}: {dict(done)}; none unnoticed, none served")
    print(f"time: {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
