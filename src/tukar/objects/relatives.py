"""The tensors that others may be stored as differences to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from tukar.codecs.context.elements import BY_CODE
from tukar.database import Database, Transaction
from tukar.objects.index import batches, locate_ids
from tukar.objects.sketches import Relative, Shelf, Sketch
from tukar.objects.tables import bases, damages, objects, sketches
from tukar.types import Digest

_MOST: Final = 20_000  # sketches of one kind and size that are looked at: the newest
_HELD: Final = 100_000  # sketches at hand, each of about 1 KiB; those of other kinds and sizes are read again

DEPTH: Final = 3
"""Objects that decoding one takes at most, besides it. Each costs its own decoding where it is not at hand."""


@dataclass(slots=True)
class Relatives:
    """All sketches of a database, as far as they were asked for lately. Those of this run are added as they are made.

    Safe to use from several threads.
    """

    database: Database
    _shelves: dict[tuple[int, int], Shelf] = field(default_factory=dict)  # used last: at the end
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def nearest(self, object_id: int, sketch: Sketch, count: int) -> list[Relative]:
        """What an object may be stored as a difference to, by row ids: at most ``count``, the nearest first."""
        with self.database.read() as tx:
            with self._lock:
                found = self._shelf(tx, sketch).nearest(sketch, 8 * count, frozenset({object_id}))
            ids = list(dict.fromkeys(each.owner for each in found))
            allowed = _allowed(tx, object_id, ids)
            bits = {each.owner: each.bits for each in found}
            return [Relative(owner, bits[owner]) for owner in allowed[:count]]

    def add(self, object_id: int, sketch: Sketch) -> None:
        """Another one. It is for whoever registers it to store it as well."""
        with self.database.read() as tx, self._lock:
            self._shelf(tx, sketch).add(object_id, sketch)

    def _shelf(self, tx: Transaction, sketch: Sketch) -> Shelf:
        place = (sketch.kind, sketch.size)
        self._shelves[place] = shelf = self._shelves.pop(place, None) or _read(tx, *place)
        held = sum(map(len, self._shelves.values()))
        while held > _HELD and len(self._shelves) > 1:
            held -= len(self._shelves.pop(next(iter(self._shelves))))
        return shelf


def _read(tx: Transaction, kind: int, size: int) -> Shelf:
    shelf = Shelf(BY_CODE[kind], _MOST)
    query = sa.select(sketches.c.object_id, sketches.c.orders, sketches.c.sample)
    query = query.where(sketches.c.kind == kind, sketches.c.size == size)
    newest = tx.execute(query.order_by(sketches.c.object_id.desc()).limit(_MOST)).all()
    for row in reversed(newest):
        shelf.add(row.object_id, Sketch(kind, size, row.orders, row.sample))
    return shelf


def _allowed(tx: Transaction, object_id: int, found: list[int]) -> list[int]:
    """Those that can be the base of an object: whole, and with less depth than it may have."""
    limit = min(DEPTH, most_depth(tx, object_id))
    allowed: set[int] = set()
    for batch in batches(found):
        whole = objects.c.id.in_(batch) & (objects.c.depth < limit)
        whole &= ~sa.exists().where(damages.c.object_id == objects.c.id)
        allowed.update(tx.execute(sa.select(objects.c.id).where(whole)).scalars())
    return [each for each in found if each in allowed]


def shallow(tx: Transaction, ids: Mapping[Digest, int]) -> dict[Digest, int]:
    """Those of these objects, by their row ids, that others may be stored as differences to."""
    found: set[int] = set()
    for batch in batches(ids.values()):
        query = sa.select(objects.c.id).where(objects.c.id.in_(batch), objects.c.depth < DEPTH)
        found.update(tx.execute(query).scalars())
    return {digest: object_id for digest, object_id in ids.items() if object_id in found}


def most_depth(tx: Transaction, object_id: int) -> int:
    """The depth that an object may have, for those that are stored as differences to it."""
    query = sa.select(sa.func.min(objects.c.depth)).join_from(bases, objects, objects.c.id == bases.c.object_id)
    least = tx.execute(query.where(bases.c.base_id == object_id)).scalar_one()
    return DEPTH if least is None else int(least) - 1


def store(tx: Transaction, made: Mapping[Digest, Sketch]) -> None:
    """Keep the sketches of objects that have none yet; of those that are not here any more there is none to keep."""
    for batch in batches(made):
        ids = locate_ids(tx, batch)
        known = sa.select(sketches.c.object_id).where(sketches.c.object_id.in_(ids.values()))
        sketched = set(tx.execute(known).scalars())
        new = [(object_id, made[digest]) for digest, object_id in ids.items() if object_id not in sketched]
        rows = [
            {"object_id": each, "kind": s.kind, "size": s.size, "orders": s.orders, "sample": s.sample}
            for each, s in new
        ]
        if rows:
            tx.execute(sketches.insert(), rows)
