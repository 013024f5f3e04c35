"""What landed plain is encoded anew as differences to its relatives, and stays what it was."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.codecs.context import Delta
from tukar.errors import Corrupt
from tukar.objects.reading import Blocks
from tukar.objects.rebuild import rebuild_index
from tukar.objects.reencoding import Prepared, Preparing, Tensor
from tukar.objects.repack import Repacker
from tukar.objects.replacing import Repacked
from tukar.objects.stream import Input, read_header, send
from tukar.objects.tables import bases, files, objects, packs, parts, sketches
from tukar.objects.verifier import Verifier
from tukar.testing.relations import Weights, fresh, stored, tuned
from tukar.types import Digest

from .stores import NOW, Store, flipped, sha256_of

DAY = 86_400.0


@pytest.fixture
def family() -> list[bytes]:
    """A base, two children of it, a child of the first child, and a stranger."""
    base = fresh()
    child = tuned(base, 1)
    made: list[Weights] = [base, child, tuned(base, 2), tuned(child, 3, change=2e-4), fresh(9)]
    return [stored(weights) for weights in made]


def repack(store: Store, now: float = NOW, **settings: object) -> Repacked:
    return Repacker(store.database, store.storage, lambda: now, **settings).run()  # type: ignore[arg-type]


def parents(store: Store) -> dict[bytes, set[bytes]]:
    """Which objects are stored as differences, and to what."""
    child, base = objects.alias(), objects.alias()
    query = sa.select(child.c.digest, base.c.digest).select_from(
        bases.join(child, child.c.id == bases.c.object_id).join(base, base.c.id == bases.c.base_id)
    )
    found: dict[bytes, set[bytes]] = {}
    for digest, of in store.rows(query):
        found.setdefault(digest, set()).add(of)
    return found


def objects_of(store: Store, content: bytes) -> set[bytes]:
    query = sa.select(objects.c.digest).join_from(parts, objects, parts.c.object_id == objects.c.id)
    query = query.join(files, files.c.id == parts.c.file_id).where(files.c.sha256 == sha256_of(content))
    return {row.digest for row in store.rows(query)}


def used(store: Store, content: bytes) -> int:
    """Stored bytes of what a file's tensors take."""
    query = sa.select(sa.func.sum(objects.c.stored_size)).where(objects.c.digest.in_(objects_of(store, content)))
    return int(store.rows(query)[0][0])


def test_children_take_a_part_and_come_out_as_they_were(store: Store, family: list[bytes]) -> None:
    for content in family:
        store.land(content)
    done = repack(store)
    assert done.files == 5
    assert done.after < 0.75 * done.before
    for child in family[1:4]:
        assert used(store, child) < 0.5 * len(child)
    assert [store.read(sha256_of(content)) for content in family] == family
    assert store.check() == []


def test_what_gc_frees_meanwhile_is_not_told_as_saved(store: Store, family: list[bytes]) -> None:
    for content in family:
        store.land(content)
    saved: list[int] = []

    def free(_: int) -> None:
        store.roots.discard(sha256_of(family[4]))
        store.collect(NOW)

    done = repack(store, on_progress=free, on_saved=saved.append)
    assert not store.has(sha256_of(family[4]))
    assert sum(saved) == done.before - done.after > 0


def test_the_nearest_relative_is_found(store: Store, family: list[bytes]) -> None:
    for content in family:
        store.land(content)
    repack(store)
    found = parents(store)
    base, child, other, grandchild, stranger = (objects_of(store, content) for content in family)
    assert all(of <= base for digest, of in found.items() if digest in child | other)
    assert any(of <= child for digest, of in found.items() if digest in grandchild)
    assert not found.keys() & (base | stranger)


def test_names_and_order_do_not_matter(store: Store) -> None:
    base = fresh()
    child = tuned(base, 1)
    other = stored({f"model.{name}": child[name] for name in reversed(child)})
    store.land(stored(base))
    store.land(other)
    repack(store)
    assert len(parents(store)) == 3  # all but the norm, which is too small
    assert store.read(sha256_of(other)) == other


def test_a_second_run_finds_nothing_to_do(store: Store, family: list[bytes]) -> None:
    store.land(*family)
    repack(store)
    blobs = store.blobs()
    assert repack(store) == Repacked()
    assert store.blobs() == blobs
    assert store.count(sketches) == 3 * len(family)


def test_what_lands_later_is_encoded_against_what_is_there(store: Store, family: list[bytes]) -> None:
    store.land(family[0])
    repack(store)
    store.land(family[1])
    assert repack(store).tensors == 3
    assert used(store, family[1]) < 0.5 * len(family[1])


def test_one_that_is_too_large_to_be_held_is_encoded_as_well(
    store: Store, family: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.objects.reencoding._HELD", 0)
    store.land(*family)
    assert repack(store).tensors == 3 * len(family)
    for child in family[1:4]:
        assert used(store, child) < 0.5 * len(child)
    assert [store.read(sha256_of(content)) for content in family] == family


@pytest.mark.parametrize("threads", [1, 3])
def test_each_tensor_is_encoded_once_however_many_packs_there_are(
    store: Store, family: list[bytes], monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    seen: list[int] = []
    prepare = Preparing.prepare

    def counted(self: Preparing, tensor: Tensor) -> Prepared:
        seen.append(tensor.id)
        return prepare(self, tensor)

    monkeypatch.setattr(Preparing, "prepare", counted)
    store.land(*family)
    before = store.blobs().keys()
    assert repack(store, pack_size=4096, threads=threads).tensors == 3 * len(family)
    assert len(store.blobs().keys() - before) > len(family)
    assert len(seen) == len(set(seen))


def test_relatives_within_a_file_are_found_at_the_depth_that_they_will_have(store: Store) -> None:
    first, last = (fresh(seed, {"w": (64, 128)}) for seed in (0, 1))
    steps = [first]
    for seed in range(1, 5):
        steps.append(tuned(steps[-1], seed, change=3e-4))
    between = {f"layers.{number}.weight": step["w"] for number, step in enumerate((*steps[1:], last))}
    contents = [stored(first), stored({name: between[name] for name in sorted(between)})]
    for content in contents:
        store.land(content)
    repack(store, threads=1)
    depths = sorted(row.depth for row in store.rows(sa.select(objects.c.depth).where(objects.c.codec == Delta.id)))
    assert len(depths) == 4
    assert depths[-1] > 1
    assert [store.read(sha256_of(content)) for content in contents] == contents
    assert store.check() == []


# What was superseded


def test_it_stays_for_the_grace_period(store: Store, family: list[bytes]) -> None:
    store.land(*family)
    before = store.blobs()
    repack(store)
    store.collect(NOW + DAY - 1, grace=DAY)
    assert store.blobs().keys() >= before.keys(), "who began to read before may go on"
    freed = store.collect(NOW + DAY, grace=DAY)
    assert freed.freed_bytes > 0
    assert not store.blobs().keys() & before.keys()
    assert [store.read(sha256_of(content)) for content in family] == family
    assert store.check() == []


def test_a_download_under_way_is_not_cut_off(store: Store, family: list[bytes]) -> None:
    store.land(*family)
    reader = store.open(sha256_of(family[1]))
    pieces = reader.stream()
    read = bytes(next(pieces))
    repack(store)
    store.collect(NOW + 10, grace=0)
    assert read + b"".join(pieces) == family[1]


# Parents


def test_a_parent_that_is_deleted_harms_no_child(store: Store, family: list[bytes]) -> None:
    for content in family[:4]:
        store.land(content)
    repack(store)
    for content in family[:2]:
        store.roots.remove(sha256_of(content))
    store.collect(NOW + 1)
    store.collect(NOW + 2)
    assert not store.has(sha256_of(family[0]))
    assert [store.read(sha256_of(content)) for content in family[2:4]] == family[2:4]
    assert store.check() == []
    store.roots.clear()
    store.collect(NOW + 3)
    store.collect(NOW + 4)
    assert (store.count(objects), store.blobs()) == (0, {})


def test_chains_are_bounded(store: Store) -> None:
    weights, contents = fresh(), []
    for generation in range(7):
        contents.append(stored(weights))
        store.land(contents[-1])
        weights = tuned(weights, generation, change=3e-4)
    repack(store)
    assert max(row.depth for row in store.rows(sa.select(objects.c.depth))) == 3
    assert [store.read(sha256_of(content)) for content in contents] == contents


def test_damage_of_a_parent_is_found_in_its_children_too(store: Store, family: list[bytes]) -> None:
    store.land(family[0])
    store.land(family[1])
    repack(store)
    store.collect(NOW + 1)
    damaged = {sha256_of(family[0]), sha256_of(family[1])}
    (row,) = store.rows(
        sa.select(objects.c.pack_id, objects.c.offset)
        .join_from(bases, objects, objects.c.id == bases.c.base_id)
        .order_by(objects.c.stored_size.desc())
        .limit(1)
    )
    key = next(key for key in store.blobs() if key.endswith(row.pack_id))
    store.put(key, flipped(store.data()[key], row.offset + 100))
    found = store.check()
    assert {sha256 for finding in found for sha256 in finding.files} == damaged
    for content in family[:2]:
        with pytest.raises(Corrupt):
            store.read(sha256_of(content))


# Interruptions


class Cut(Exception):
    """A test's own interruption."""


@pytest.mark.parametrize("after", range(0, 60, 4))
def test_wherever_it_is_stopped_it_goes_on(store: Store, family: list[bytes], after: int) -> None:
    for content in family[:3]:
        store.land(content)
    calls = 0

    def stop(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise Cut

    try:
        repack(store, on_progress=stop)
    except Cut:
        assert "landing" not in store.states().values()
    assert [store.read(sha256_of(content)) for content in family[:3]] == family[:3]
    assert store.check() == []
    repack(store)
    assert used(store, family[1]) < 0.5 * len(family[1])
    assert store.check() == []


def test_paused_it_keeps_what_it_did(store: Store, family: list[bytes]) -> None:
    store.land(*family)
    looks = 0

    def goes_on() -> bool:
        nonlocal looks
        looks += 1
        return looks < 8

    done = repack(store, goes_on=goes_on)
    assert 0 < done.tensors < 12
    repack(store)
    assert [store.read(sha256_of(content)) for content in family] == family


# Where else stored objects go


def test_it_travels_by_itself_and_goes_on_where_it_was_cut(store: Store, family: list[bytes]) -> None:
    store.land(family[0])
    store.land(family[1])
    repack(store)
    digest = Digest(next(iter(parents(store))))

    def locate(_: Digest) -> object:
        from tukar.objects.index import locate as find

        with store.database.read() as tx:
            return find(tx, [digest])[digest]

    whole = b"".join(send(Blocks(store.storage), locate, [digest]))  # type: ignore[arg-type]
    source = Input([whole])
    begun = read_header(source)
    assert begun is not None
    record, _ = begun
    assert record.bases == ()
    verifier = Verifier(record)
    verifier.take(source.exactly(record.stored_size))
    verifier.end()
    assert verifier.is_whole

    from tukar.objects.stream import Start, name

    rest = b"".join(send(Blocks(store.storage), locate, [digest], Start(name(record), 1000)))  # type: ignore[arg-type]
    assert rest[-(record.stored_size - 1000) :] == whole[-(record.stored_size - 1000) :]
    assert len(rest) == len(whole) - 1000


def test_the_index_can_be_rebuilt(store: Store, family: list[bytes]) -> None:
    for content in family:
        store.land(content)
    repack(store)
    before = parents(store)
    store.collect(NOW + 1)
    with store.database.write() as tx:
        for table in (bases, sketches, parts, files, objects, packs):
            tx.execute(table.delete())
    assert list(rebuild_index(store.database, store.storage, NOW)) == []
    assert parents(store) == before
    assert [store.read(sha256_of(content)) for content in family] == family


def test_a_rebuilt_index_takes_the_plainest_copy(store: Store, family: list[bytes]) -> None:
    for content in family:
        store.land(content)
    repack(store)
    with store.database.write() as tx:
        for table in (bases, sketches, parts, files, objects, packs):
            tx.execute(table.delete())
    assert list(rebuild_index(store.database, store.storage, NOW)) == []
    assert parents(store) == {}, "what was superseded is still there"
    assert [store.read(sha256_of(content)) for content in family] == family


def test_what_is_moved_keeps_its_bases(store: Store, family: list[bytes]) -> None:
    for content in family:
        store.land(content)
    repack(store)
    before = parents(store)
    store.collect(NOW + 1)
    store.collect_and_move()
    assert parents(store) == before
    assert [store.read(sha256_of(content)) for content in family] == family
    assert store.check() == []
