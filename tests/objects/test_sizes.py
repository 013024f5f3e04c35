"""What files cost: alone, shared, and in all."""

from __future__ import annotations

import sqlalchemy as sa

from tukar.objects.sizes import FileSize, file_sizes, totals
from tukar.objects.tables import objects
from tukar.testing.models import tiny_safetensors

from .stores import Store, noise, sha256_of, text

BASE, TUNED = tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"})


def size_of(store: Store, content: bytes) -> FileSize:
    with store.database.read() as tx:
        return file_sizes(tx, [sha256_of(content)])[sha256_of(content)]


def test_a_file_that_does_not_shrink_costs_its_size(store: Store) -> None:
    store.land(noise(5000))
    assert size_of(store, noise(5000)) == FileSize(5000, 5000, 5000)


def test_a_file_that_shrinks_costs_less(store: Store) -> None:
    store.block_size = 1 << 20
    store.land(text(5000))
    size = size_of(store, text(5000))
    assert size.raw == 5000
    assert size.stored == size.own < 3500


def test_what_relatives_share_is_no_ones_own(store: Store) -> None:
    store.land(BASE, TUNED)
    base, tuned = size_of(store, BASE), size_of(store, TUNED)
    assert base.own == base.stored - (len(BASE) - header_size(BASE))
    assert tuned.own == tuned.stored - (len(TUNED) - header_size(TUNED))
    assert 0 < base.own < base.stored


def test_a_file_that_repeats_itself_is_its_own(store: Store) -> None:
    content = tiny_safetensors(0)
    store.land(content)
    size = size_of(store, content)
    assert size.own == size.stored


def test_what_is_shared_is_told_of_the_files_that_may_be_known_alone(store: Store) -> None:
    store.land(BASE, TUNED)
    with store.database.read() as tx:
        sizes = file_sizes(tx, [sha256_of(BASE)], among=lambda _: sa.false())
    assert sizes[sha256_of(BASE)].own == sizes[sha256_of(BASE)].stored


def test_files_that_are_not_stored_are_left_out(store: Store) -> None:
    with store.database.read() as tx:
        assert file_sizes(tx, ["0" * 64]) == {}


def test_totals_count_every_object_once(store: Store) -> None:
    store.land(BASE, TUNED)
    store.land(noise(5000))
    with store.database.read() as tx:
        found = totals(tx)
    assert (found.files, found.raw) == (3, len(BASE) + len(TUNED) + 5000)
    assert found.objects == store.count(objects)
    assert found.packs == sum(store.blobs().values()) > found.stored


def test_the_totals_of_an_empty_store_are_nought(store: Store) -> None:
    with store.database.read() as tx:
        found = totals(tx)
    assert (found.files, found.raw, found.objects, found.stored, found.packs) == (0, 0, 0, 0, 0)


def header_size(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")
