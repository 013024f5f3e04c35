"""What relatives are looked for among is bounded: the newest of each kind and size, and what was asked for last."""

from __future__ import annotations

import numpy as np
import pytest

from tukar.codecs.base import TensorView
from tukar.codecs.context.elements import KINDS
from tukar.objects import relatives
from tukar.objects.relatives import Relatives
from tukar.objects.sketches import Shelf, Sketch, sketch
from tukar.objects.sources import BytesSource
from tukar.objects.tables import objects, packs
from tukar.types import Digest

from .stores import NOW, Store


def sketched(seed: int, count: int = 4096) -> Sketch:
    values = np.random.default_rng(seed).standard_normal(count).astype("<f4")
    made = sketch(TensorView(BytesSource(values.tobytes()), "F32", (count,)))
    assert made is not None
    return made


def test_the_oldest_makes_room_for_another() -> None:
    shelf = Shelf(KINDS["F32"], 3)
    for number in range(8):
        shelf.add(number, sketched(number))
        assert len(shelf) == min(number + 1, 3)
        kept = [each for each in range(8) if shelf.nearest(sketched(each), 1)]
        assert kept == list(range(max(number - 2, 0), number + 1))
        for each in kept:
            (found,) = shelf.nearest(sketched(each), 1)
            assert (found.owner, found.bits) == (each, 0.0)


@pytest.fixture
def filled(store: Store) -> Store:
    """Sketches of three sizes, three of each."""
    row = {"kind": 0, "pack_id": "ab", "offset": 0, "stored_size": 9, "codec": 0, "block_size": 9}
    made = {number: sketched(number, 2048 + 1024 * (number % 3)) for number in range(1, 10)}
    with store.database.write() as tx:
        tx.execute(packs.insert().values(id="ab", state="live", size=0, content=0, changed_at=NOW))
        rows = [{**row, "id": number, "digest": bytes([number]) * 32, "size": 9} for number in made]
        tx.execute(objects.insert(), [{**each, "meta": b"", "blocks": b""} for each in rows])
        relatives.store(tx, {Digest(bytes([number]) * 32): each for number, each in made.items()})
    return store


def test_what_was_not_asked_for_lately_is_read_again(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relatives, "_HELD", 6)
    known = Relatives(filled.database)
    for number in (1, 2, 3, 2, 1, 3, 4, 5, 6, 9):
        (found,) = known.nearest(0, sketched(number, 2048 + 1024 * (number % 3)), 1)
        assert found.owner == number
        assert sum(map(len, known._shelves.values())) <= 6


def test_of_those_that_are_stored_the_newest_are_looked_at(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relatives, "_MOST", 2)
    known = Relatives(filled.database)
    known.add(10, sketched(10, 3072))
    assert [bool(known.nearest(0, sketched(number, 3072), 1)) for number in (1, 4, 7)] == [False, False, True]
