"""Check names what is wrong in the storage and in the index, and the files that it touches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from tukar.objects.check import Checker
from tukar.objects.packs import CONTENT, PREFIX
from tukar.objects.sources import BytesSource
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.base import Stat, Storage
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_safetensors

from .stores import BLOCK, NOW, Store, digests, flipped, noise, sha256_of, text

ALONE, SHARED = noise(5000, 1), text(3000)
BASE, TUNED = tiny_safetensors(0), tiny_safetensors(0, metadata={"format": "pt"})


@pytest.fixture
def filled(store: Store) -> Store:
    """Two packs and more: one landing of two relatives, one of two other files."""
    store.land(BASE, TUNED)
    store.land(ALONE, SHARED)
    return store


def test_a_sound_store_has_no_findings(filled: Store) -> None:
    assert filled.check() == []


def test_an_empty_store_has_no_findings(store: Store) -> None:
    assert store.check() == []


def test_a_missing_pack_is_one_finding_that_names_its_files(filled: Store) -> None:
    for key in filled.blobs():
        filled.storage.delete(key)
    findings = filled.check()
    assert len(findings) == filled.count(packs)
    assert {sha256 for finding in findings for sha256 in finding.files} == filled.roots


@pytest.mark.parametrize("kept", [0, 7, 8, 55, 56, -1])
def test_a_pack_that_was_cut_short_is_found(filled: Store, kept: int) -> None:
    key = _pack_of(filled, BASE)
    rewrite(filled.storage, key, filled.storage.read(key, 0, filled.storage.stat(key).size)[:kept])
    named = {sha256 for finding in filled.check() for sha256 in finding.files}
    assert named >= {sha256_of(BASE), sha256_of(TUNED)}
    assert named.isdisjoint({sha256_of(ALONE), sha256_of(SHARED)})


def test_bytes_added_to_a_pack_are_found(filled: Store) -> None:
    key = _pack_of(filled, BASE)
    rewrite(filled.storage, key, filled.storage.read(key, 0, filled.storage.stat(key).size) + b"\0")
    assert {sha256 for finding in filled.check() for sha256 in finding.files} == {sha256_of(BASE), sha256_of(TUNED)}


def test_a_pack_in_the_place_of_another_is_found(filled: Store) -> None:
    one, other = _pack_of(filled, BASE), _pack_of(filled, ALONE)
    rewrite(filled.storage, one, filled.storage.read(other, 0, filled.storage.stat(other).size))
    named = {sha256 for finding in filled.check() for sha256 in finding.files}
    assert named == {sha256_of(BASE), sha256_of(TUNED)}


@pytest.mark.parametrize(
    "altered",
    [
        {"offset": objects.c.offset + 1},
        {"size": objects.c.size - 1},
        {"size": objects.c.size + 10**6},
        {"size": -1},
        {"kind": 1 - objects.c.kind},
        {"codec": 77},
        {"block_size": 0},
        {"block_size": objects.c.block_size + 1},
        {"meta": b"meta"},
        {"blocks": b""},
        {"blocks": b"odd"},
    ],
    ids=lambda altered: next(iter(altered)),
)
def test_an_altered_row_of_an_object_is_found(filled: Store, altered: dict[str, object]) -> None:
    with filled.database.write() as tx:
        tx.execute(objects.update().where(objects.c.digest.in_(digests(SHARED))).values(**altered))
    assert {sha256 for finding in filled.check() for sha256 in finding.files} == {sha256_of(SHARED)}


@pytest.mark.parametrize("length", [0, 31, 32, 33])
def test_an_altered_digest_in_the_index_is_found(filled: Store, length: int) -> None:
    with filled.database.write() as tx:
        tx.execute(objects.update().where(objects.c.digest.in_(digests(SHARED))).values(digest=bytes(length)))
    assert {sha256 for finding in filled.check() for sha256 in finding.files} == {sha256_of(SHARED)}


@pytest.mark.parametrize(
    "altered",
    [
        {"start": parts.c.start + 1},
        {"length": parts.c.length - 1},
        {"object_id": sa.select(sa.func.min(objects.c.id)).scalar_subquery()},
    ],
    ids=lambda altered: next(iter(altered)),
)
def test_an_altered_part_is_found(filled: Store, altered: dict[str, object]) -> None:
    chosen = (parts.c.file_id == _id(BASE)) & (parts.c.position == 1)
    with filled.database.write() as tx:
        assert tx.execute(parts.update().where(chosen).values(**altered)).rowcount == 1
    assert [finding.files for finding in filled.check()] == [(sha256_of(BASE),)]


def test_a_part_that_is_gone_from_the_index_is_found(filled: Store) -> None:
    with filled.database.write() as tx:
        tx.execute(parts.delete().where(parts.c.file_id == _id(BASE), parts.c.position == 2))
    assert [finding.files for finding in filled.check()] == [(sha256_of(BASE),)]


def test_all_parts_gone_from_the_index_are_found(filled: Store) -> None:
    with filled.database.write() as tx:
        tx.execute(parts.delete().where(parts.c.file_id == _id(BASE)))
    assert [finding.files for finding in filled.check()] == [(sha256_of(BASE),)]


@pytest.mark.parametrize(
    "altered",
    [{"size": files.c.size + 1}, {"format": "gguf"}, {"sha256": "0" * 64}],
    ids=lambda altered: next(iter(altered)),
)
def test_an_altered_row_of_a_file_is_found(filled: Store, altered: dict[str, object]) -> None:
    with filled.database.write() as tx:
        tx.execute(files.update().where(files.c.sha256 == sha256_of(BASE)).values(**altered))
    assert [finding.files for finding in filled.check()] == [(str(altered.get("sha256", sha256_of(BASE))),)]


def test_a_file_whose_manifest_is_another_object_is_found(filled: Store) -> None:
    content = sa.select(sa.func.min(objects.c.id)).where(objects.c.kind == 0).scalar_subquery()
    with filled.database.write() as tx:
        tx.execute(files.update().where(files.c.sha256 == sha256_of(ALONE)).values(manifest_id=content))
    assert [finding.files for finding in filled.check()] == [(sha256_of(ALONE),)]


@pytest.mark.parametrize("state", ["landing", "dead"])
def test_objects_in_a_pack_that_is_not_live_are_found(filled: Store, state: str) -> None:
    with filled.database.write() as tx:
        tx.execute(packs.update().values(state=state))
    assert {sha256 for finding in filled.check() for sha256 in finding.files} == filled.roots


@pytest.mark.parametrize("altered", [{"size": 5}, {"content": 5}], ids=lambda altered: next(iter(altered)))
def test_an_altered_row_of_a_pack_is_found(filled: Store, altered: dict[str, object]) -> None:
    with filled.database.write() as tx:
        tx.execute(packs.update().values(**altered))
    assert {sha256 for finding in filled.check() for sha256 in finding.files} == filled.roots


def test_a_block_that_did_not_shrink_among_others_that_did_is_no_fault(store: Store) -> None:
    mixed = text(4 * BLOCK) + noise(2 * BLOCK) + text(4 * BLOCK)
    store.land(mixed)
    blocks = [block for _, record in store.records() if record.codec for block in record.blocks()]
    assert {block.stored_size == block.raw_size for block in blocks} == {True, False}
    assert store.check() == []


def test_many_damaged_objects_are_told_in_few_findings(store: Store) -> None:
    """Each finding is looked up in every repository."""
    store.pack_size = 1 << 20
    sha256s = store.land(*(noise(100, seed) for seed in range(50)))
    ((name, data),) = store.data().items()
    for _, record in store.records():
        if record.kind == CONTENT:
            data = flipped(data, record.offset)
    store.put(name, data)
    findings = store.check()
    assert len(findings) == 21
    assert {sha256 for finding in findings for sha256 in finding.files} == set(sha256s)


def test_what_the_database_finds_wrong_with_itself_is_told(filled: Store) -> None:
    if not filled.database.is_sqlite:
        pytest.skip("PostgreSQL has no such check")
    with closing(sqlite3.connect(str(filled.database.engine.url.database))) as connection:
        connection.execute("UPDATE parts SET object_id = 12345")
        connection.commit()
    assert any("dangling reference" in finding.message for finding in filled.check())


def test_progress_tells_of_every_stored_byte_once(filled: Store) -> None:
    seen: list[int] = []
    assert list(Checker(filled.database, filled.storage, NOW, seen.append).run()) == []
    assert sum(seen) == sum(record.stored_size for _, record in filled.records())


def test_what_is_landing_or_was_freed_is_no_fault(filled: Store) -> None:
    filled.roots.discard(sha256_of(ALONE))
    filled.collect(NOW)
    with filled.landing() as landing:
        landing.add(BytesSource(noise(3000, 9)))
        landing.seal()
        assert filled.check() == []


def test_check_does_not_report_what_gc_takes_away_meanwhile(filled: Store) -> None:
    """Every pack is rewritten, and the old ones deleted, between the listing and the first read."""
    storage = _Surprise(filled)
    assert filled.check(storage) == []
    assert storage.sprung


class _Surprise(MemoryStorage):
    """The storage of a store, that compacts all of it when it is first looked at."""

    def __init__(self, store: Store) -> None:
        self._store, self.sprung = store, False

    def read(self, key: str, start: int, stop: int) -> bytes:
        self._spring()
        return self._store.storage.read(key, start, stop)

    def stat(self, key: str) -> Stat:
        self._spring()
        return self._store.storage.stat(key)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        return self._store.storage.list(prefix)

    def _spring(self) -> None:
        if not self.sprung:
            self.sprung = True
            assert self._store.collect_and_move().rewritten_packs


def rewrite(storage: Storage, key: str, data: bytes) -> None:
    with storage.create(key) as blob:
        blob.write(data)


def _pack_of(store: Store, content: bytes) -> str:
    query = sa.select(objects.c.pack_id).join_from(files, objects).where(files.c.sha256 == sha256_of(content))
    pack_id = store.rows(query)[0][0]
    return f"{PREFIX}{pack_id[:2]}/{pack_id}"


def _id(content: bytes) -> sa.ScalarSelect[int]:
    return sa.select(files.c.id).where(files.c.sha256 == sha256_of(content)).scalar_subquery()
