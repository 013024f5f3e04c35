"""What lands is what comes out, once stored, or nothing at all is left."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.database import Database, metadata
from tukar.errors import Corrupt, Invalid, Unavailable
from tukar.objects import cutting
from tukar.objects.index import FreedMeanwhile
from tukar.objects.packs import CONTENT
from tukar.objects.sources import BytesSource
from tukar.objects.tables import files, objects, packs, parts
from tukar.storage.base import Writer
from tukar.storage.folder import FolderStorage
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_gguf, tiny_safetensors
from tukar.testing.sources import CountingSource
from tukar.types import ByteSource

from .faulty import Interposed
from .stores import BLOCK, PACK, Store, flipped, noise, pieces, sha256_of, text

TABLES = (files, parts, objects, packs)
SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, PACK - 1, PACK, PACK + 1, 3 * PACK + 7]


def nothing_is_left(store: Store) -> bool:
    return store.blobs() == {} and all(store.count(table) == 0 for table in TABLES)


def announce(store: Store, *announced: tuple[bytes, str]) -> None:
    """Land files under these sha256, and leave them unregistered."""
    with store.landing() as landing:
        for content, sha256 in announced:
            landing.add(BytesSource(content), sha256)
        landing.seal()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [noise, text])
def test_sizes_around_the_borders(store: Store, make: Callable[[int], bytes], size: int) -> None:
    content = make(size)
    (sha256,) = store.land(content)
    assert store.read(sha256) == content
    assert store.check() == []


def test_files_of_one_landing_fill_several_packs(store: Store) -> None:
    contents = [noise(1000 + seed, seed) for seed in range(12)]
    store.land(*contents)
    assert 3 <= len(store.blobs()) <= 5
    assert [store.read(sha256_of(content)) for content in contents] == contents


def test_a_tensor_of_two_files_is_stored_once(store: Store) -> None:
    base, tuned = tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"})
    store.land(base)
    held = store.count(objects)
    store.land(tuned)
    assert store.count(objects) == held + 2  # its header and its manifest
    assert [store.read(sha256_of(content)) for content in (base, tuned)] == [base, tuned]


def test_a_file_of_blocks_that_are_all_the_same(store: Store) -> None:
    store.land(bytes(5 * BLOCK), bytes(3 * BLOCK))
    assert store.read(sha256_of(bytes(5 * BLOCK))) == bytes(5 * BLOCK)
    assert store.check() == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_twice_in_one_landing(store: Store, announced: bool) -> None:
    content = tiny_gguf()
    with store.landing() as landing:
        for _ in range(2):
            assert landing.add(BytesSource(content), sha256_of(content) if announced else None) == sha256_of(content)
        landing.seal()
        with store.database.write() as tx:
            assert len(landing.register(tx)) == 1
    assert store.read(sha256_of(content)) == content


def test_a_file_that_is_stored_already_takes_no_room(store: Store) -> None:
    store.land(tiny_gguf())
    before = store.blobs()
    store.land(tiny_gguf())
    assert store.blobs() == before


def test_a_wrong_sha256_is_invalid_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(Invalid, match=sha256_of(noise(3000))):
        announce(store, (noise(3000), "0" * 64))
    assert nothing_is_left(store)


@pytest.mark.parametrize("stored", [True, False], ids=["of-a-stored-file", "of-a-file-in-the-same-landing"])
def test_the_sha256_of_another_file_is_invalid(store: Store, stored: bool) -> None:
    if stored:
        store.land(noise(3000))
    first, other = noise(3000), noise(2000, 1)
    with pytest.raises(Invalid, match=sha256_of(other)):
        announce(store, (first, sha256_of(first)), (other, sha256_of(first)))
    assert store.count(files) == int(stored)
    assert store.check() == []


def test_a_landing_that_is_left_unregistered_leaves_nothing(store: Store) -> None:
    for sealed in (False, True):
        with store.landing() as landing:
            landing.add(BytesSource(noise(3 * PACK)))
            if sealed:
                landing.seal()
        assert nothing_is_left(store)


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with store.landing() as landing:
        landing.add(BytesSource(tiny_gguf()))
        landing.seal()
        with suppress(ZeroDivisionError), store.database.write() as tx:
            landing.register(tx)
            raise ZeroDivisionError
    assert nothing_is_left(store)


class FullStorage(MemoryStorage):
    """Takes so many writes and no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        with super().create(key) as writer:
            yield _Counted(self, writer)


class _Counted:
    def __init__(self, storage: FullStorage, writer: Writer) -> None:
        self._storage, self._writer = storage, writer

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self._storage.room -= 1
        if self._storage.room < 0:
            raise Unavailable("no room is left")
        self._writer.write(data)


def test_a_storage_that_fails_at_any_write_leaves_nothing(database: Database) -> None:
    contents = [tiny_safetensors(0), noise(2 << 20)]
    for room in range(40):
        store = Store(database, FullStorage(room), block_size=256 << 10, pack_size=1 << 20)
        try:
            store.land(*contents)
        except Unavailable:
            assert nothing_is_left(store)
        else:
            assert [store.read(sha256_of(content)) for content in contents] == contents
            assert room > 8
            return
    pytest.fail("40 writes were not enough")


def test_what_lands_from_several_threads_at_once_is_known_once(store: Store) -> None:
    content, other, start = tiny_safetensors(0), tiny_gguf(), Barrier(4)

    def land(number: int) -> None:
        start.wait()
        store.land(content, other, noise(700, number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(land, range(4)))
    assert store.count(files) == 6
    assert store.read(sha256_of(content)) == content
    assert store.check() == []


def test_progress_adds_up_to_what_was_added(store: Store) -> None:
    seen: list[int] = []
    contents = [tiny_gguf(), noise(3 * PACK), tiny_gguf()]
    landing = store.landing()
    landing.on_progress = seen.append
    with landing:
        for content in contents:
            landing.add(BytesSource(content))
        landing.seal()
    assert sum(seen) == sum(map(len, contents))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples: what landed before is there to be shared."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('landing')}/database.sqlite")
    metadata.create_all(database.engine)
    yield Store(database, MemoryStorage())
    database.close()


LENGTHS = st.integers(0, 3 * BLOCK)
FILES = st.one_of(
    st.binary(max_size=2 * BLOCK),
    st.builds(noise, LENGTHS, st.integers(0, 5)),
    st.builds(text, LENGTHS, st.integers(0, 5)),
    st.builds(tiny_safetensors, st.integers(0, 3)),
    st.builds(tiny_gguf, st.integers(0, 3)),
    st.builds(lambda cut: tiny_safetensors()[:cut], st.integers(0, 3000)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(FILES, max_size=4), start=LENGTHS, length=LENGTHS)
def test_any_files_come_out_as_they_went_in(lasting: Store, contents: list[bytes], start: int, length: int) -> None:
    for sha256, content in zip(lasting.land(*contents), contents, strict=True):
        assert lasting.read(sha256) == content
        first, last = min(start, len(content)), min(start + length, len(content))
        assert lasting.open(sha256).read(first, last) == content[first:last]


def test_a_file_is_cut_as_its_format_says(store: Store) -> None:
    content = tiny_safetensors(0)
    store.land(content)
    assert store.count(parts) == len(pieces(content)) == 6


@pytest.mark.parametrize("block_size", [1, 7, 4096])
@pytest.mark.parametrize("pack_size", [1, 5000])
def test_any_block_and_pack_size_will_do(store: Store, block_size: int, pack_size: int) -> None:
    store.block_size, store.pack_size = block_size, pack_size
    contents = [tiny_safetensors(3)[:-900], noise(500), text(1000), b""]
    store.land(*contents)
    assert [store.read(sha256_of(content)) for content in contents] == contents
    assert store.check() == []


def test_a_pack_is_full_by_its_footer_too(store: Store) -> None:
    store.land(*(bytes([number]) for number in range(40)))
    assert len(store.blobs()) > 1
    assert max(store.blobs().values()) < PACK + 1000


def test_a_long_run_without_tensors_is_cut_and_a_tensor_is_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_OPAQUE", 3000)
    tensor = tiny_safetensors(0, {"weight": ("F32", (2000,))})
    store.land(noise(10_000), tensor)
    assert [store.read(sha256_of(content)) for content in (noise(10_000), tensor)] == [noise(10_000), tensor]
    sizes = sorted(record.size for _, record in store.records() if record.kind == CONTENT)
    assert sizes == sorted([3000, 3000, 3000, 1000, 8000, len(tensor) - 8000])


def test_a_source_is_read_twice_at_most(store: Store) -> None:
    store.block_size, store.pack_size = 1 << 20, 64 << 20
    source = CountingSource(BytesSource(noise(10 << 20)))
    with store.landing() as landing:
        landing.add(source, sha256_of(noise(10 << 20)))
        landing.seal()
    assert source.total <= 2 * source.size + (1 << 20)


def test_memory_is_bounded_however_long_a_file_is(store: Store, tmp_path: Path) -> None:
    store.storage = FolderStorage(tmp_path / "blobs")
    store.block_size, store.pack_size = 1 << 20, 32 << 20
    tracemalloc.start()
    with store.landing() as landing:
        landing.add(_Noise(150 << 20))
        landing.seal()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20


class _Noise:
    """As many bytes as one likes, no two blocks of them the same."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, start: int, stop: int) -> bytes:
        return blake3(b"noise").digest(length=stop - start, seek=start)


def test_a_source_that_ends_early_leaves_nothing(store: Store) -> None:
    with pytest.raises(Corrupt, match="ends"):
        _land_source(store, _Changing(12 << 20, ends_at=14))
    assert nothing_is_left(store)


def test_a_source_that_changes_while_it_is_read_is_not_stored(store: Store) -> None:
    with pytest.raises((Invalid, Corrupt)):
        _land_source(store, _Changing(9 << 20))
    assert nothing_is_left(store)


def _land_source(store: Store, source: ByteSource) -> None:
    store.block_size, store.pack_size = 1 << 20, 4 << 20
    with store.landing() as landing:
        landing.add(BytesSource(noise(5000)))
        landing.add(source, "0" * 64)
        landing.seal()


class _Changing:
    """Says something else each time, and fails at a read if it is told to. So long that it is read twice."""

    def __init__(self, size: int, ends_at: int = -1) -> None:
        self.size, self._ends_at, self._reads = size, ends_at, 0

    def read(self, start: int, stop: int) -> bytes:
        self._reads += 1
        if self._reads == self._ends_at:
            raise Corrupt("the file ends early")
        return bytes([self._reads % 251]) * (stop - start)


def test_bytes_that_the_storage_altered_are_noticed(store: Store) -> None:
    class Altering(MemoryStorage):
        def read(self, key: str, start: int, stop: int) -> bytes:
            data = super().read(key, start, stop)
            return flipped(data, 9) if stop - start > 2 * PACK else data

    store.storage = Altering()
    with pytest.raises(Corrupt):
        store.land(noise(3 * PACK))
    assert nothing_is_left(store)


def test_what_is_shared_may_be_moved_while_it_is_read_back(store: Store) -> None:
    base, tuned = tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"})
    store.land(base)
    before = store.blobs().keys()
    Store(store.database, Interposed(store.storage, before, store.collect_and_move)).land(tuned)
    assert before.isdisjoint(store.blobs())
    assert store.read(sha256_of(tuned)) == tuned
    assert store.check() == []


def test_what_is_shared_and_freed_while_it_is_read_back_is_to_land_again(store: Store) -> None:
    base, tuned = tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"})
    store.land(base)
    store.roots.clear()
    with pytest.raises(FreedMeanwhile):
        Store(store.database, Interposed(store.storage, store.blobs().keys(), store.collect)).land(tuned)
    assert nothing_is_left(store)


def test_the_order_of_the_steps_is_held(store: Store) -> None:
    with store.landing() as landing:
        with pytest.raises(RuntimeError), store.database.write() as tx:
            landing.register(tx)
        landing.add(BytesSource(b"x"))
        landing.seal()
        with pytest.raises(RuntimeError):
            landing.add(BytesSource(b"y"))
