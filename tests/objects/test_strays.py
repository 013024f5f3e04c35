"""Packs that no row speaks of: kept for the grace period, told by check, taken back when the index is rebuilt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tukar.database import Database, metadata
from tukar.objects.packs import key
from tukar.objects.rebuild import rebuild_index
from tukar.objects.sources import BytesSource
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_safetensors

from .stores import NOW, Store, noise, sha256_of, text

GRACE = 1000.0
BASE, TUNED, DEAD = tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"}), noise(3000, 9)


def lose_the_index(store: Store) -> None:
    with store.database.write() as tx:
        for table in (parts, files, objects, packs):
            tx.execute(table.delete())


def test_a_lost_index_does_not_cost_the_packs_before_the_grace_period_ends(store: Store) -> None:
    store.land(BASE, text(5000))
    before = store.data()
    lose_the_index(store)
    store.collect(NOW, GRACE)
    store.collect(NOW + GRACE - 1, GRACE)
    assert store.data() == before
    assert set(store.states().values()) == {"stray"}
    assert store.collect(NOW + GRACE, GRACE).freed_bytes == sum(map(len, before.values()))
    assert store.data() == {}
    assert store.states() == {}


def test_a_stray_is_no_fault(store: Store) -> None:
    store.pack_size = 1 << 20
    (sha256,) = store.land(BASE)
    ((name, data),) = store.data().items()
    store.put(key("0" * 32), data)
    assert store.check() == []
    store.collect(NOW, GRACE)
    assert store.check() == []
    assert store.read(sha256) == BASE
    assert name in store.data()


def test_what_is_no_pack_is_left_alone(store: Store) -> None:
    others = {"packs/readme", "packs/ab/notes.txt", "packs/ab/" + "0" * 32, "other/blob"}
    for other in others:
        store.put(other, b"somebody's")
    store.collect()
    assert store.data().keys() == others
    assert store.check() == []


def test_strays_that_gc_noted_are_taken_back(store: Store) -> None:
    store.land(BASE, text(5000))
    lose_the_index(store)
    store.collect(NOW, GRACE)
    assert list(rebuild_index(store.database, store.storage, NOW + 1)) == []
    store.collect(NOW + 2 * GRACE, GRACE)
    assert set(store.states().values()) == {"live"}
    assert store.read(sha256_of(BASE)) == BASE


def test_a_restored_database_is_brought_up_to_date(tmp_path: Path) -> None:
    """The copy is older than the packs: since it was made, some were rewritten, and a file came."""
    database, storage = Database(f"sqlite:///{tmp_path}/database.sqlite"), MemoryStorage()
    metadata.create_all(database.engine)
    store = Store(database, storage)
    store.land(BASE, text(5000), DEAD)
    database.close()
    shutil.copy(tmp_path / "database.sqlite", tmp_path / "copy.sqlite")
    store.roots.discard(sha256_of(DEAD))
    store.collect_and_move()
    store.land(TUNED)
    database.close()

    store = Store(Database(f"sqlite:///{tmp_path}/copy.sqlite"), storage)
    assert any("missing" in finding.message for finding in store.check())
    assert list(rebuild_index(store.database, storage, NOW)) == []
    assert [store.read(sha256_of(content)) for content in (BASE, text(5000), TUNED)] == [BASE, text(5000), TUNED]
    # Which the copy speaks of, and which was freed since.
    assert {sha256 for finding in store.check() for sha256 in finding.files} == {sha256_of(DEAD)}
    store.database.close()


def test_a_file_of_which_a_part_is_in_no_pack_is_told(store: Store) -> None:
    store.pack_size = 1 << 20
    store.land(BASE)
    (lost,) = store.data()
    store.land(TUNED)  # which shares its tensors
    store.land(text(5000))
    lose_the_index(store)
    store.storage.delete(lost)
    (finding,) = rebuild_index(store.database, store.storage, NOW)
    assert "is incomplete" in finding.message
    assert not store.has(sha256_of(TUNED))
    assert store.read(sha256_of(text(5000))) == text(5000)
    assert store.check() == []


def test_content_that_looks_like_a_manifest_is_not_taken_for_one(store: Store) -> None:
    victim = noise(3000, 1)
    store.land(victim)
    ((pack_id, manifest),) = [(pack_id, record) for pack_id, record in store.records() if record.kind]
    copy = store.data()[key(pack_id)][manifest.offset :][: manifest.stored_size]
    forged = copy.replace(bytes.fromhex(sha256_of(victim)), bytes.fromhex(sha256_of(b"something else")))
    store.land(copy, forged)
    lose_the_index(store)
    assert list(rebuild_index(store.database, store.storage, NOW)) == []
    assert not store.has(sha256_of(b"something else"))
    assert [store.read(sha256_of(content)) for content in (victim, copy, forged)] == [victim, copy, forged]


def test_bytes_of_a_manifest_that_came_before_its_file_do_not_hide_it(store: Store) -> None:
    content, elsewhere = noise(3000, 1), Store(store.database, MemoryStorage())
    with elsewhere.landing() as landing:
        landing.add(BytesSource(content))
        landing.seal()
        ((pack_id, manifest),) = [(pack_id, record) for pack_id, record in elsewhere.records() if record.kind]
        copy = elsewhere.data()[key(pack_id)][manifest.offset :][: manifest.stored_size]
    store.land(copy)
    store.land(content)
    lose_the_index(store)
    assert list(rebuild_index(store.database, store.storage, NOW)) == []
    assert store.read(sha256_of(content)) == content


@pytest.mark.parametrize("state", ["dead", "stray"])
def test_a_pack_in_which_an_object_lies_is_never_deleted(store: Store, state: str) -> None:
    """It cannot be in such a state; and if it is, there was a fault elsewhere, which must not cost anybody's data."""
    (sha256,) = store.land(noise(3000))
    with store.database.write() as tx:
        tx.execute(packs.update().values(state=state))
    store.collect(NOW + 2 * GRACE)
    assert store.read(sha256) == noise(3000)
    assert sha256 in {name for finding in store.check() for name in finding.files}
