"""Repacking beside everything else: downloads, collections, damage, another repacking, a rebuild of the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event

import pytest
import sqlalchemy as sa

from tukar.codecs.context import Coded
from tukar.database import Database, Transaction, metadata
from tukar.errors import Corrupt, TukarError, Unavailable
from tukar.objects.cache import BlockCache
from tukar.objects.freed import FreedMeanwhile
from tukar.objects.packs import key
from tukar.objects.rebuild import rebuild_index
from tukar.objects.repack import Repacker
from tukar.objects.replacing import Repacked
from tukar.objects.tables import bases, files, objects, packs, parts, sketches
from tukar.storage.folder import FolderStorage
from tukar.storage.memory import MemoryStorage
from tukar.testing.relations import Shapes, fresh, stored, tuned

from .faulty import Interposed
from .stores import NOW, Store, sha256_of

DAY = 86_400.0
SMALL: Shapes = {"up": (32, 72), "down": (64, 33), "norm": (64,)}
LONG: Shapes = {f"layers.{number}": (256, 384) for number in range(5)}


def repack(store: Store, now: float = NOW, **settings: object) -> Repacked:
    return Repacker(store.database, store.storage, lambda: now, **settings).run()  # type: ignore[arg-type]


def family(shapes: Shapes) -> list[bytes]:
    """A base, two children, and a child of the second."""
    base = fresh(0, shapes)
    child = tuned(base, 1)
    return [stored(each) for each in (base, tuned(base, 2), child, tuned(child, 3, change=2e-4))]


def differences(store: Store) -> int:
    return len(store.rows(sa.select(bases.c.object_id).distinct()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = Database(f"sqlite:///{tmp_path}/database.sqlite")
    metadata.create_all(database.engine)
    yield Store(database, MemoryStorage())
    database.close()


# Downloads


@pytest.mark.parametrize("place", [1, 3])
def test_a_long_download_goes_on_while_what_it_reads_is_replaced_and_freed(store: Store, place: int) -> None:
    """Twice: plain tensors become differences, and then their packs are written anew, and their parents are gone."""
    store.block_size, store.pack_size, store.cache = 64 << 10, 256 << 10, BlockCache(0)
    base, _, child, grandchild = contents = family(LONG)
    for content in contents:
        store.land(content)
    start, stop = 1000, len(child) - 1000
    downloads = [(content, store.open(sha256_of(content)).stream(start, stop)) for content in (child, grandchild)]
    read = [b"".join(bytes(next(pieces)) for _ in range(place)) for _, pieces in downloads]
    assert max(map(len, read)) < stop - start
    before = store.blobs()
    repack(store)
    store.roots.discard(sha256_of(base))
    store.collect(NOW + 10)
    assert not before.keys() & store.blobs().keys()
    assert differences(store) == 15
    read = [got + bytes(next(pieces, b"")) for got, (_, pieces) in zip(read, downloads, strict=True)]
    store.collect_and_move()
    for got, (content, pieces) in zip(read, downloads, strict=True):
        assert got + b"".join(pieces) == content[start:stop]


# What goes or moves while it is encoded


def on_first(happens: Callable[[], object]) -> Callable[[int], None]:
    """Progress that lets something happen once the first tensor was encoded anew."""
    left = [happens]

    def advance(size: int) -> None:
        if size and left:
            left.pop()()

    return advance


def test_what_gc_moves_meanwhile_is_replaced_all_the_same(store: Store) -> None:
    contents = family(SMALL)
    for content in contents[:2]:
        store.land(content)
    repack(store, on_progress=on_first(store.collect_and_move))
    assert differences(store) == 2
    assert len(store.rows(sa.select(objects.c.id).where(objects.c.codec == Coded.id))) == 2, "the base too"
    store.collect(NOW + 1)
    assert [store.read(sha256_of(content)) for content in contents[:2]] == contents[:2]
    assert store.check() == []


def test_a_parent_that_is_freed_meanwhile_is_done_without(store: Store) -> None:
    base, child, *_ = family(SMALL)
    store.land(base)
    repack(store)
    store.land(child)

    def forget() -> None:
        store.roots.discard(sha256_of(base))
        store.collect(NOW + 1)

    repack(store, on_progress=on_first(forget))
    assert not store.has(sha256_of(base))
    assert differences(store) == 0
    assert store.read(sha256_of(child)) == child
    assert store.check() == []
    store.collect(NOW + 2)
    assert set(store.states().values()) == {"live"}


class Watched(Database):
    """A database that tells of each write transaction once it was committed."""

    committed: Callable[[], object] = staticmethod(lambda: None)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as tx:
            yield tx
        self.committed()


@pytest.mark.parametrize("after", range(1, 9))
def test_gc_between_the_moves_of_a_pack(store: Store, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    monkeypatch.setattr("tukar.objects.replacing.SLICE", 1)
    contents = family(SMALL)[:2]
    for content in contents:
        store.land(content)
    watched, left = Watched(str(store.database.engine.url)), list(range(after))

    def committed() -> None:
        if left and not left.pop():
            store.collect_and_move()

    watched.committed = committed  # type: ignore[method-assign]
    repack(Store(watched, store.storage), threads=1)
    watched.close()
    assert not left
    assert_all_is_done(store, contents)


def test_a_pack_that_gets_objects_while_gc_copies_it_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tukar.objects.replacing.SLICE", 1)
    contents = family(SMALL)[:2]
    for content in contents:
        store.land(content)
    before = store.states().keys()
    has_moved, goes_on = Event(), Event()
    watched = Watched(str(store.database.engine.url))

    def committed() -> None:
        if store.rows(sa.select(objects.c.id).where(objects.c.pack_id.not_in(before))):
            has_moved.set()
            goes_on.wait(60)

    watched.committed = committed  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(repack, Store(watched, store.storage), threads=1)
        assert has_moved.wait(60)
        new = [key(pack_id) for pack_id in store.states().keys() - before]
        storage = Interposed(store.storage, new, lambda: (goes_on.set(), running.result()))
        Store(store.database, storage, roots=store.roots).collect_and_move()
        assert running.done(), "it moved the rest while the pack was copied"
    watched.close()
    assert_all_is_done(store, contents)


def assert_all_is_done(store: Store, contents: list[bytes]) -> None:
    assert differences(store) == 2
    assert store.count(sketches) == 2 * len(contents)
    for _ in range(2):
        assert [store.read(sha256_of(content)) for content in contents] == contents
        assert store.check() == []
        store.collect_and_move()
    assert set(store.states().values()) == {"live"}


def test_who_gets_the_id_of_what_was_freed_meanwhile_stays_what_it_is(store: Store) -> None:
    """SQLite gives no id twice by itself; a database that was put together otherwise may."""
    base, gone, child, *_ = family(SMALL)
    store.land(base)
    repack(store)
    store.land(gone)

    def replace() -> None:
        store.roots.discard(sha256_of(gone))
        store.collect(NOW + 1)
        with store.database.write() as tx:
            tx.execute(sa.text("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'objects'"))
        store.land(child)

    before = ids_of(store, gone)
    repack(store, on_progress=on_first(replace), threads=1)
    assert ids_of(store, child) == before
    assert store.read(sha256_of(child)) == child
    assert store.check() == []
    repack(store)
    assert differences(store) == 2
    assert store.read(sha256_of(child)) == child


def ids_of(store: Store, content: bytes) -> list[int]:
    query = sa.select(parts.c.object_id).join_from(parts, files).where(files.c.sha256 == sha256_of(content))
    return [row.object_id for row in store.rows(query.order_by(parts.c.position))]


def test_the_id_of_what_was_freed_is_not_given_to_another(store: Store) -> None:
    first, other, *_ = family(SMALL)
    store.land(first)
    before = ids_of(store, first)
    store.roots.clear()
    store.collect(NOW)
    store.land(other)
    assert min(ids_of(store, other)) > max(before)


def test_a_sketch_of_something_else_does_no_harm(store: Store) -> None:
    base, child, *_ = family(SMALL)
    store.land(base)
    repack(store)
    with store.database.write() as tx:
        rows = tx.execute(sa.select(sketches).order_by(sketches.c.object_id)).all()
        tx.execute(sketches.delete())
        owners = [rows[-1].object_id, *(row.object_id for row in rows[:-1])]
        tx.execute(
            sketches.insert(),
            [{**row._mapping, "object_id": owner} for owner, row in zip(owners, rows, strict=True)],
        )
    store.land(child)
    repack(store)
    assert store.read(sha256_of(child)) == child
    assert store.check() == []
    assert store.count(sketches) == 4


def test_a_run_that_takes_days_is_not_taken_for_abandoned(store: Store) -> None:
    """And what it supersedes stays for the grace period from then on, not from its start."""
    contents = family(SMALL)
    for content in contents[:2]:
        store.land(content)
    clock = [NOW]

    def advance(_: int) -> None:
        clock[0] += DAY / 8
        store.collect(clock[0], grace=3 * DAY)

    Repacker(store.database, store.storage, lambda: clock[0], advance).run()
    assert clock[0] > NOW + DAY
    assert differences(store) == 2
    (latest,) = store.rows(sa.select(sa.func.max(packs.c.superseded_at)))[0]
    assert latest > NOW + DAY
    assert [store.read(sha256_of(content)) for content in contents[:2]] == contents[:2]


# Damage


class _Wearing(MemoryStorage):
    """One of another's blobs can be read so often, and is damaged from then on where it was read last."""

    def __init__(self, other: Store, worn: str, reads: int, error: type[TukarError] = Corrupt) -> None:
        super().__init__()
        self.key, self.left, self.error, self.damage = worn, reads, error, range(0)
        for name, data in other.data().items():
            with self.create(name) as blob:
                blob.write(data)

    def read(self, key: str, start: int, stop: int) -> bytes:
        if key == self.key:
            self.left -= 1
            if self.left == 0:
                self.damage = range(start, stop)
            if start in self.damage:
                raise self.error(f"{key} cannot be read")
        return super().read(key, start, stop)


def wearing(store: Store, reads: int) -> _Wearing:
    """A base, encoded anew, and a child that lands in a pack that can be read so often."""
    base, child = (stored(each) for each in _PAIR)
    store.roots.clear()
    store.collect(NOW)
    store.land(base)
    repack(store)
    before = store.blobs().keys()
    store.land(child)
    (landed,) = store.blobs().keys() - before
    store.storage = made = _Wearing(store, landed, reads)
    repack(store, threads=1)
    return made


_PAIR = (fresh(0, dict.fromkeys("abc", (32, 72))), tuned(fresh(0, dict.fromkeys("abc", (32, 72))), 1))


def test_damage_that_shows_half_way_through_a_tensor_spoils_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part of the tensor is in the new pack by then."""
    monkeypatch.setattr("tukar.objects.reencoding._CACHE", 0)
    monkeypatch.setattr("tukar.objects.reencoding._HELD", 0)
    monkeypatch.setattr("tukar.objects.reencoding.BLOCK_SIZE", 1024)
    monkeypatch.setattr("tukar.objects.replacing.BLOCK_SIZE", 1024)
    store.block_size, store.pack_size = 1024, 64 << 10
    many = 1 << 20
    needed = many - wearing(store, many).left
    assert differences(store) == 3
    for reads in (needed, needed - 2):
        wearing(store, reads).key = ""
        assert differences(store) == 2
        assert set(store.states().values()) == {"live"}
        assert store.rows(sa.select(files.c.id).where(files.c.repacked_at.is_(None))) == []
        assert [store.read(sha256_of(stored(each))) for each in _PAIR] == [stored(each) for each in _PAIR]
        assert store.check() == []


def test_a_disk_that_does_not_read_a_file_holds_up_the_others_only_until_a_check(store: Store) -> None:
    other = stored({f"other.{name}": weights for name, weights in fresh(0, SMALL).items()})  # has its own header
    contents = [other, *family(SMALL)[1:3]]
    for content in contents:
        store.land(content)
    header = store.open(sha256_of(other))._parts(0, 1)[0].location
    store.storage = _Wearing(store, key(header.pack_id), 1, Unavailable)
    with pytest.raises(Unavailable):
        repack(store)
    assert len(store.rows(sa.select(files.c.id).where(files.c.repacked_at.is_(None)))) == 3, "it may just be away"
    assert {sha256 for finding in store.check() for sha256 in finding.files} == {sha256_of(contents[0])}
    repack(store)
    assert differences(store) == 2
    assert [store.read(sha256_of(content)) for content in contents[1:]] == contents[1:]


# Others at the same time


@pytest.mark.parametrize("after", [1, 4, 9])
def test_an_index_that_is_rebuilt_meanwhile(store: Store, after: int) -> None:
    contents = family(SMALL)
    for content in contents:
        store.land(content)
    calls = 0

    def advance(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            assert list(rebuild_index(store.database, store.storage, NOW)) == []

    try:
        repack(store, on_progress=advance)
    except FreedMeanwhile:  # its pack was taken for one that had landed
        repack(store)
    store.collect(NOW + 1)
    assert [store.read(sha256_of(content)) for content in contents] == contents
    assert store.check() == []
    assert set(store.states().values()) == {"live"}


class _Crowd:
    """Some who publish families and delete them, two who repack, one who collects, and readers."""

    def __init__(self, store: Store, rounds: int) -> None:
        self.store, self.rounds = store, rounds
        self.contents = {sha256_of(content): content for seed in range(4) for content in self._family(seed)}

    def _family(self, seed: int) -> list[bytes]:
        base = fresh(seed, SMALL)
        return [stored(base), *(stored(tuned(base, number)) for number in range(3))]

    def publish(self, seed: int) -> None:
        """Each member in turn, the one before it deleted."""
        mine, random = self._family(seed), Random(seed)
        for _ in range(self.rounds):
            content, other = random.sample(mine, 2)
            self.land(content)
            self.store.roots.discard(sha256_of(other))
            self.read(sha256_of(content))

    def land(self, content: bytes) -> None:
        while True:
            try:
                self.store.land(content)
                return
            except FreedMeanwhile:
                pass

    def repack(self) -> None:
        for _ in range(self.rounds):
            Repacker(self.store.database, self.store.storage, lambda: NOW, pack_size=8 << 10).run()

    def collect(self) -> None:
        for _ in range(self.rounds):
            self.store.collect(NOW + 1)
            assert self.store.check() == []

    def read(self, sha256: str) -> None:
        for start, stop in ((0, len(self.contents[sha256])), (2000, 9000)):
            assert self.store.open(sha256).read(start, stop) == self.contents[sha256][start:stop]

    def all_at_once(self) -> None:
        tasks = [lambda: self.publish(0), lambda: self.publish(1), self.repack, self.repack, self.collect]
        with ThreadPoolExecutor(len(tasks)) as threads:
            for done in [threads.submit(task) for task in tasks]:
                done.result()


def _all_at_once(folder: Path, rounds: int) -> None:
    database = Database(f"sqlite:///{folder}/database.sqlite")
    metadata.create_all(database.engine)
    store = Store(database, FolderStorage(folder / "objects"), pack_size=64 << 10)
    crowd = _Crowd(store, rounds)
    crowd.all_at_once()
    crowd.repack()
    store.collect(NOW + 2)
    for sha256 in store.roots:
        crowd.read(sha256)
    assert store.check() == []
    assert store.rows(sa.select(files.c.id).where(files.c.repacked_at.is_(None))) == []
    assert set(store.states().values()) == {"live"}
    assert max(row.depth for row in store.rows(sa.select(objects.c.depth))) <= 3
    database.close()


def test_two_repackings_beside_publishing_deleting_collecting_and_checking(scratch: Path) -> None:
    _all_at_once(scratch, 3)


@pytest.mark.slow
def test_the_same_for_longer(scratch: Path) -> None:
    _all_at_once(scratch, 40)
