"""What nothing needs is condemned, waits, and is freed; what lives on stays byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tukar.errors import Corrupt
from tukar.objects import compaction, gc
from tukar.objects.gc import sweep_landings
from tukar.objects.index import FreedMeanwhile
from tukar.objects.packs import key
from tukar.objects.sources import BytesSource
from tukar.objects.store import ObjectStore
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.base import Writer
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_safetensors

from .stores import NOW, Store, noise, sha256_of, text

GRACE = 100.0
ALONE, OTHER = noise(5000, 1), text(3000)


def test_what_is_needed_is_never_condemned(store: Store) -> None:
    store.land(ALONE, OTHER)
    collected = store.collect(NOW, grace=0)
    assert (collected.condemned_files, collected.freed_files, collected.freed_objects) == (0, 0, 0)
    assert store.read(sha256_of(ALONE)) == ALONE


def test_what_nothing_needs_waits_for_its_grace_and_then_goes(store: Store) -> None:
    store.land(ALONE, OTHER)
    store.roots.clear()
    first = store.collect(NOW, GRACE)
    assert (first.condemned_files, first.waiting_files, first.freed_files) == (2, 2, 0)
    early = store.collect(NOW + GRACE - 1, GRACE)
    assert (early.condemned_files, early.waiting_files, early.freed_files) == (0, 2, 0)
    assert store.read(sha256_of(ALONE)) == ALONE
    held = sum(store.blobs().values())
    late = store.collect(NOW + GRACE, GRACE)
    assert (late.freed_files, late.waiting_files, late.freed_bytes) == (2, 0, held)
    assert store.blobs() == {}
    assert [store.count(table) for table in (files, parts, objects, packs)] == [0, 0, 0, 0]
    assert len(store.freed) == 2


def test_what_is_needed_again_is_revived(store: Store) -> None:
    store.land(ALONE)
    store.roots.clear()
    store.collect(NOW, GRACE)
    store.roots.add(sha256_of(ALONE))
    assert store.collect(NOW + 2 * GRACE, GRACE).freed_files == 0
    store.roots.clear()
    assert store.collect(NOW + 3 * GRACE, GRACE).freed_files == 0  # its grace period begins anew


def test_landing_a_condemned_file_again_revives_it(store: Store) -> None:
    store.land(ALONE)
    store.roots.clear()
    store.collect(NOW, GRACE)
    blobs = store.blobs()
    store.land(ALONE)
    assert store.blobs() == blobs
    assert store.collect(NOW + GRACE, GRACE).freed_files == 0
    assert store.read(sha256_of(ALONE)) == ALONE


def test_what_another_file_shares_is_kept(store: Store) -> None:
    base, tuned = tiny_safetensors(0), tiny_safetensors(0, metadata={"format": "pt"})
    store.land(base)
    store.land(tuned)
    store.roots.discard(sha256_of(base))
    assert store.collect(NOW).freed_objects == 2  # its header and its manifest
    assert store.read(sha256_of(tuned)) == tuned
    assert store.check() == []


@pytest.mark.parametrize("known", [True, False], ids=["the-whole-file", "a-part-of-it"])
def test_a_landing_whose_shared_content_was_freed_has_to_land_again(store: Store, known: bool) -> None:
    base = tiny_safetensors(0)
    wanted = base if known else tiny_safetensors(0, metadata={"format": "pt"})
    store.land(base)
    store.roots.clear()
    with store.landing() as landing:
        landing.add(BytesSource(wanted))
        landing.seal()
        store.collect(NOW)
        with pytest.raises(FreedMeanwhile), store.database.write() as tx:
            landing.register(tx)
    assert store.blobs() == {}
    store.land(wanted)
    assert store.read(sha256_of(wanted)) == wanted
    assert store.check() == []


def test_compaction_frees_dead_bytes_and_moves_what_lives(store: Store) -> None:
    store.land(ALONE, OTHER, noise(3000, 5))
    store.roots = {sha256_of(OTHER)}
    before = sum(store.blobs().values())
    collected = store.collect(NOW)
    assert collected.rewritten_packs >= 1
    assert before - sum(store.blobs().values()) == collected.freed_bytes > 7000
    assert store.read(sha256_of(OTHER)) == OTHER
    assert store.check() == []
    assert store.collect(NOW).rewritten_packs == 0


def test_many_small_packs_become_one(store: Store) -> None:
    contents = [noise(50 + seed, seed) for seed in range(9)]
    for content in contents:
        store.land(content)
    assert store.collect(NOW).rewritten_packs == 9
    assert len(store.blobs()) == 1
    assert [store.read(sha256_of(content)) for content in contents] == contents
    assert store.check() == []


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "damaged"])
def test_a_damaged_pack_is_left_and_holds_up_no_other(store: Store, lost: bool) -> None:
    contents = [noise(50 + seed, seed) for seed in range(9)]
    for content in contents:
        store.land(content)
    query = sa.select(objects.c.pack_id).join_from(files, objects).where(files.c.sha256 == sha256_of(contents[4]))
    bad = key(store.rows(query)[0][0])
    if lost:
        store.storage.delete(bad)
    else:
        data = store.storage.read(bad, 0, store.storage.stat(bad).size)
        with store.storage.create(bad) as blob:
            blob.write(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    assert store.collect(NOW).rewritten_packs == 8
    assert (bad in store.blobs()) is not lost
    named = {sha256 for finding in store.check() for sha256 in finding.files}
    assert named == {sha256_of(contents[4])}
    assert all(store.read(sha256_of(content)) == content for content in contents if content != contents[4])


def test_strays_are_deleted_and_landings_under_way_are_not(store: Store) -> None:
    store.land(OTHER)
    with store.storage.create(key("ab" * 16)) as blob:
        blob.write(b"a stray")
    with store.landing() as landing:
        landing.add(BytesSource(ALONE))
        landing.seal()
        store.collect(NOW)
        assert key("ab" * 16) not in store.blobs()
        with store.database.write() as tx:
            landing.register(tx)
    assert store.read(sha256_of(ALONE)) == ALONE


def test_a_landing_taken_for_abandoned_cannot_register(store: Store) -> None:
    with store.landing(NOW) as landing:
        landing.add(BytesSource(ALONE))
        landing.seal()
        store.collect(NOW + 86_401)
        assert store.blobs() == {}
        with pytest.raises(FreedMeanwhile), store.database.write() as tx:
            landing.register(tx)
    assert store.count(packs) == 0


def test_landings_that_were_cut_off_are_swept(store: Store) -> None:
    store.land(OTHER)
    kept = store.blobs()
    cut_off = store.landing()  # never left: its process was killed
    cut_off.add(BytesSource(ALONE))
    cut_off.seal()
    sweep_landings(store.database, store.storage)
    assert store.blobs() == kept
    assert store.count(packs) == len(kept)


def test_where_there_is_no_root_nothing_is_needed(store: Store) -> None:
    store.land(ALONE)
    assert ObjectStore(store.database, store.storage).collector(list, lambda tx, ids: None).run(NOW, 0).freed_files == 1


def test_many_files_are_freed_in_several_transactions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "_FILES", 2)
    store.land(*(noise(10, seed) for seed in range(5)))
    batches: list[int] = []
    ObjectStore(store.database, store.storage).collector(list, lambda tx, ids: batches.append(len(ids))).run(NOW, 0)
    assert batches == [2, 2, 1]
    assert store.count(objects) == 0


def test_a_pack_with_few_dead_bytes_is_left_alone(store: Store) -> None:
    store.pack_size = 1 << 20
    store.land(noise(12_000), noise(100, 1))
    store.roots.discard(sha256_of(noise(100, 1)))
    before = store.data()
    assert store.collect().freed_files == 1
    assert store.data() == before


def test_merged_packs_are_of_bounded_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "_GROUP", 3000)
    for seed in range(12):
        store.land(noise(1000, seed))
    store.collect()
    assert len(store.blobs()) == 4
    assert store.check() == []


def test_the_second_copy_of_an_object_is_reclaimed(store: Store) -> None:
    store.pack_size = 1 << 20
    content = tiny_safetensors(0)
    with store.landing() as first, store.landing() as second:
        for landing in (first, second):
            landing.add(BytesSource(content))
            landing.seal()
        for landing in (first, second):
            with store.database.write() as tx:
                landing.register(tx)
    store.roots.add(sha256_of(content))
    assert len(store.blobs()) == 2
    assert store.check() == []
    store.collect()
    assert len(store.blobs()) == 1
    assert store.read(sha256_of(content)) == content


class AlteringStorage(MemoryStorage):
    """Stores something else than it was given, once it is told to."""

    is_altering = False

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        with super().create(key) as blob:
            yield _AlteringWriter(blob) if self.is_altering else blob


class _AlteringWriter:
    def __init__(self, blob: Writer) -> None:
        self._blob = blob

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self._blob.write(bytes(data).replace(b"\x07", b"\x17"))


def test_a_copy_that_the_storage_altered_does_not_replace_the_original(store: Store) -> None:
    store.storage = storage = AlteringStorage()
    store.land(ALONE, noise(5000, 2))
    store.roots = {sha256_of(ALONE)}
    before = store.data()
    storage.is_altering = True
    with pytest.raises(Corrupt):
        store.collect_and_move()
    assert store.data() == before
    assert store.read(sha256_of(ALONE)) == ALONE
    assert store.check() == []


def test_a_landing_that_goes_on_for_long_is_left_alone(store: Store) -> None:
    with store.landing(NOW) as landing:
        landing.add(BytesSource(ALONE))
        landing.seal()
        store.collect(NOW + 80_000)
        with store.database.write() as tx:
            landing.register(tx)
    assert store.read(sha256_of(ALONE)) == ALONE
