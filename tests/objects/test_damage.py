"""What a check found damaged is whole again once its bytes have arrived again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.errors import Corrupt
from tukar.objects.check import Checker
from tukar.objects.damage import damaged_files
from tukar.objects.packs import CONTENT, MANIFEST, key, pack_id_of
from tukar.objects.rebuild import rebuild_index
from tukar.objects.repack import Repacker
from tukar.objects.tables import bases, damages, objects
from tukar.testing.models import tiny_safetensors
from tukar.testing.relations import fresh, stored, tuned

from .stores import NOW, Store, flipped, noise, sha256_of, text

BASE, TUNED = tiny_safetensors(0), tiny_safetensors(0, metadata={"format": "pt"})
OTHER, LATER = noise(3000, 1), text(3000)


@pytest.fixture
def filled(store: Store) -> Store:
    store.land(BASE)
    store.land(TUNED, OTHER)
    return store


def spoil(store: Store, kind: int = CONTENT, count: int = 1) -> None:
    """Flip a bit in each of the longest objects of that kind in the first pack that has one."""
    row = store.rows(sa.select(objects.c.pack_id).where(objects.c.kind == kind).order_by(objects.c.id))[0]
    inside = [record for pack_id, record in store.records() if pack_id == row.pack_id and record.kind == kind]
    for record in sorted(inside, key=lambda record: -record.stored_size)[:count]:
        data = store.data()[key(row.pack_id)]
        store.put(key(row.pack_id), flipped(data, record.offset + record.stored_size // 2))


def damaged(store: Store, *contents: bytes) -> set[str]:
    with store.database.read() as tx:
        return damaged_files(tx, [sha256_of(content) for content in contents])


@pytest.mark.parametrize("kind", [CONTENT, MANIFEST])
def test_what_arrives_again_replaces_what_is_damaged(filled: Store, kind: int) -> None:
    spoil(filled, kind)
    assert filled.check()
    assert sha256_of(BASE) in damaged(filled, BASE, OTHER)
    filled.land(BASE)
    assert {sha256 for finding in filled.check() for sha256 in finding.files} == set()
    assert damaged(filled, BASE, TUNED, OTHER) == set()
    assert [filled.read(sha256_of(content)) for content in (BASE, TUNED, OTHER)] == [BASE, TUNED, OTHER]


def test_only_what_is_damaged_is_stored_again(filled: Store) -> None:
    spoil(filled)
    filled.check()
    before = set(filled.blobs())
    filled.land(BASE)
    new = [record for pack_id, record in filled.records() if key(pack_id) not in before]
    assert len(new) == 1


def test_a_relative_that_shares_it_mends_it(filled: Store) -> None:
    spoil(filled)
    filled.check()
    filled.land(tiny_safetensors(0, metadata={"another": "one"}))
    assert filled.read(sha256_of(BASE)) == BASE


def test_what_is_stored_as_differences_to_it_is_whole_again_as_well(store: Store) -> None:
    weights = [fresh()]
    for seed in (1, 2):
        weights.append(tuned(weights[-1], seed, change=2e-4))
    contents = [stored(each) for each in weights]
    for content in contents:
        store.land(content)
    Repacker(store.database, store.storage, lambda: NOW).run()
    store.collect(NOW + 1)
    needed = sa.select(objects.c.pack_id, objects.c.offset).join_from(bases, objects, objects.c.id == bases.c.base_id)
    for row in store.rows(needed.where(objects.c.depth == 0).distinct()):
        store.put(key(row.pack_id), flipped(store.data()[key(row.pack_id)], row.offset + 100))
    store.check()
    assert store.rows(sa.select(objects.c.depth).join_from(damages, objects).where(objects.c.depth == 2))
    assert damaged(store, *contents) == {sha256_of(content) for content in contents}
    store.land(contents[0])
    assert damaged(store, *contents) == set()
    assert [store.read(sha256_of(content)) for content in contents] == contents
    assert {sha256 for finding in store.check() for sha256 in finding.files} == set()


def test_a_missing_pack_is_mended(filled: Store) -> None:
    for blob in filled.blobs():
        filled.storage.delete(blob)
    filled.check()
    filled.land(BASE, TUNED, OTHER)
    assert filled.read(sha256_of(TUNED)) == TUNED
    gone = {pack_id for pack_id in filled.states() if key(pack_id) not in filled.blobs()}
    filled.collect()
    assert gone.isdisjoint(filled.states())
    assert filled.check() == []


def test_gc_removes_what_was_replaced_however_little_it_is(store: Store) -> None:
    store.pack_size = 1 << 20
    store.land(BASE, noise(300_000))
    spoil(store, MANIFEST)
    store.check()
    store.land(BASE, noise(300_000))
    (finding,) = store.check()
    assert "gc removes" in finding.message
    store.collect()
    assert store.check() == []
    assert store.read(sha256_of(BASE)) == BASE


def test_gc_leaves_a_pack_as_it_is_while_something_damaged_is_needed(filled: Store) -> None:
    spoil(filled)
    filled.check()
    before = filled.data()
    filled.collect_and_move()
    assert any(filled.data().get(blob) == data for blob, data in before.items())
    assert filled.check() != []


def test_what_is_whole_after_all_is_noted_no_more(filled: Store) -> None:
    before = filled.data()
    spoil(filled)
    filled.check()
    assert filled.count(damages) == 1
    for blob, data in before.items():
        filled.put(blob, data)
    assert filled.check() == []
    assert filled.count(damages) == 0


def test_a_second_check_notes_nothing_new(filled: Store) -> None:
    told: list[None] = []
    checker = Checker(filled.database, filled.storage, NOW, on_damage=lambda: told.append(None))
    spoil(filled)
    list(checker.run())
    list(checker.run())
    assert len(told) == 1
    spoil(filled, MANIFEST)
    list(checker.run())
    assert len(told) == 2


def test_a_freed_object_is_noted_no_more(filled: Store) -> None:
    spoil(filled, count=3)
    filled.check()
    filled.roots.clear()
    filled.collect()
    assert filled.count(damages) == 0


def test_what_cannot_be_read_is_still_refused(filled: Store) -> None:
    """Noting it changes nothing for those who read."""
    spoil(filled)
    filled.check()
    with pytest.raises(Corrupt):
        filled.read(sha256_of(BASE))
    assert filled.read(sha256_of(OTHER)) == OTHER


def test_a_rebuilt_index_takes_no_damaged_object_for_mended(filled: Store) -> None:
    spoil(filled)
    filled.check()
    list(rebuild_index(filled.database, filled.storage, NOW))
    assert filled.count(damages) == 1
    assert all(pack_id_of(blob) in filled.states() for blob in filled.blobs())
