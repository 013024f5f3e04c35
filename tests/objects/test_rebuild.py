"""The index is rebuilt from the packs alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tukar.errors import NotFound
from tukar.objects.rebuild import rebuild_index
from tukar.objects.sources import BytesSource
from tukar.objects.tables import files, objects, packs, parts
from tukar.testing.models import tiny_gguf, tiny_safetensors

from .stores import NOW, Store, noise, sha256_of, text

CONTENTS = [tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"}), tiny_gguf(), text(5000), noise(900), b""]


def forget_index(store: Store) -> None:
    with store.database.write() as tx:
        for table in (parts, files, objects, packs):
            tx.execute(table.delete())


def known(store: Store) -> list[object]:
    """Everything that the index says, but for row ids and times."""
    named = sa.select(files.c.sha256, files.c.size, files.c.format, objects.c.digest).join_from(files, objects)
    places = sa.select(files.c.sha256, parts.c.position, parts.c.start, parts.c.length, objects.c.digest)
    places = places.join_from(parts, files).join(objects, parts.c.object_id == objects.c.id)
    held = sa.select(packs.c.id, packs.c.state, packs.c.size, packs.c.content)
    return [sorted(map(tuple, store.rows(query))) for query in (named, places, held, sa.select(*objects.c[1:]))]


def test_everything_is_as_it_was(store: Store) -> None:
    store.land(*CONTENTS[:3])
    store.land(*CONTENTS[3:])
    before = known(store)
    forget_index(store)
    assert list(rebuild_index(store.database, store.storage, NOW)) == []
    assert known(store) == before
    assert [store.read(sha256_of(content)) for content in CONTENTS] == CONTENTS
    assert store.check() == []


def test_what_is_known_already_stays(store: Store) -> None:
    store.land(*CONTENTS)
    before = known(store)
    assert list(rebuild_index(store.database, store.storage, NOW)) == []
    assert known(store) == before


def test_a_damaged_pack_is_reported_and_the_rest_is_there(store: Store) -> None:
    store.land(noise(100, 1))
    (bad,) = store.blobs()
    store.land(noise(100, 2))
    with store.storage.create(bad) as blob:
        blob.write(b"not a pack")
    forget_index(store)
    assert len(list(rebuild_index(store.database, store.storage, NOW))) == 1
    assert store.read(sha256_of(noise(100, 2))) == noise(100, 2)
    with pytest.raises(NotFound):
        store.open(sha256_of(noise(100, 1)))


def test_a_sha256_that_was_announced_and_never_compared_is_not_believed(store: Store) -> None:
    """A process was killed after the pack was durable and before the file was compared with its sha256."""
    wrong = sha256_of(b"something else")
    landing = store.landing()
    landing.add(BytesSource(noise(2000)), wrong)
    landing._packing.close(lambda: None)
    forget_index(store)
    assert len(list(rebuild_index(store.database, store.storage, NOW))) == 1
    with pytest.raises(NotFound):
        store.open(wrong)
