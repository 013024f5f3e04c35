"""Whether the index says of each file what its manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.errors import TukarError
from tukar.objects import manifests
from tukar.objects.index import location_of
from tukar.objects.packs import MANIFEST
from tukar.objects.reading import read_object
from tukar.objects.tables import files, objects, parts
from tukar.storage.base import Storage
from tukar.types import Manifest

_ROWS: Final = 200


def disagreements(database: Database, storage: Storage) -> Iterator[tuple[str, str]]:
    """The sha256 of each file of which the index and its manifest differ, and how.

    A manifest that cannot be read is left out: that is a fault of its pack.
    """
    last: int | None = None
    query = sa.select(files.c.id.label("file_id"), files.c.sha256, files.c.size.label("file_size"), files.c.format)
    query = query.add_columns(*objects.c).join_from(files, objects).order_by(files.c.id).limit(_ROWS)
    while True:
        with database.read() as tx:
            rows = tx.execute(query if last is None else query.where(files.c.id > last)).all()
        if not rows:
            return
        for row in rows:
            wrong = _disagreement(database, storage, row)
            if wrong is not None:
                yield row.sha256, wrong
        last = rows[-1].file_id


def _disagreement(database: Database, storage: Storage, row: Any) -> str | None:
    try:
        location = location_of(row)
        data = read_object(storage, location)
    except TukarError:
        return None
    if location.record.kind != MANIFEST:
        return "the index names something as its manifest that is none"
    try:
        manifest = manifests.decode(data)
    except TukarError as error:
        return error.message
    with database.read() as tx:
        if tx.execute(sa.select(files.c.id).where(files.c.id == row.file_id)).one_or_none() is None:
            return None  # gc freed it while we looked
        return _difference(tx, row, manifest)


def _difference(tx: Transaction, row: Any, manifest: Manifest) -> str | None:
    if (row.sha256, row.file_size, row.format) != (manifest.sha256, manifest.size, manifest.format):
        return f"its manifest says {manifest.format}, {manifest.size} bytes, sha256 {manifest.sha256}"
    query = (
        sa.select(parts.c.position, parts.c.start, parts.c.length, objects.c.digest, objects.c.size)
        .join_from(parts, objects)
        .where(parts.c.file_id == row.file_id)
        .order_by(parts.c.position)
    )
    indexed = [tuple(part) for part in tx.execute(query)]
    return None if indexed == list(_rows(manifest)) else "its parts in the index are not those of its manifest"


def _rows(manifest: Manifest) -> Iterator[tuple[int, int, int, bytes, int]]:
    start = 0
    for position, part in enumerate(manifest.parts):
        yield position, start, part.length, bytes(part.digest), part.length
        start += part.length
