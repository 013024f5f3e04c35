"""Objects of some files only: what may be given to somebody, or admitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.objects.index import Location, batches, location_of, with_bases
from tukar.objects.packs import RECORD
from tukar.objects.tables import damages, files, objects, parts
from tukar.types import Digest

Scope = Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]]
"""From the column of a file's row id to the condition that the file is within the scope."""


def locate_within(tx: Transaction, digests: Iterable[Digest], scope: Scope) -> dict[Digest, Location]:
    """Those of the objects that a file in the scope needs, its manifest included, and that are not damaged."""
    found: dict[Digest, Location] = {}
    query = sa.select(objects).where(_needed(scope), ~_damaged())
    for batch in batches(digests):
        here = [location_of(row) for row in tx.execute(query.where(objects.c.digest.in_(batch)))]
        found.update((location.record.digest, location) for location in with_bases(tx, here))
    return found


def ids_within(tx: Transaction, digests: Iterable[Digest], scope: Scope) -> dict[Digest, int]:
    """The same with their row ids."""
    found: dict[Digest, int] = {}
    query = sa.select(objects.c.digest, objects.c.id).where(_needed(scope), ~_damaged())
    for batch in batches(digests):
        found.update((Digest(row.digest), row.id) for row in tx.execute(query.where(objects.c.digest.in_(batch))))
    return found


def frames_within(tx: Transaction, digests: Iterable[Digest], scope: Scope) -> dict[Digest, int | None]:
    """The same with the bytes that each takes in a stream; None for those that are encoded anew as they are sent."""
    found: dict[Digest, int | None] = {}
    columns = objects.c
    size = columns.stored_size + sa.func.length(columns.meta) + sa.func.length(columns.blocks) + RECORD.size
    query = sa.select(columns.digest, columns.depth, size.label("frame")).where(_needed(scope), ~_damaged())
    for batch in batches(digests):
        for row in tx.execute(query.where(columns.digest.in_(batch))):
            found[Digest(row.digest)] = None if row.depth else int(row.frame)
    return found


def manifests_of(tx: Transaction, sha256s: Iterable[str]) -> dict[str, Digest]:
    """The digests of the manifests of stored files."""
    found: dict[str, Digest] = {}
    query = sa.select(files.c.sha256, objects.c.digest).join_from(files, objects)
    for batch in batches(sha256s):
        found.update((row.sha256, Digest(row.digest)) for row in tx.execute(query.where(files.c.sha256.in_(batch))))
    return found


def _needed(scope: Scope) -> sa.ColumnElement[bool]:
    as_part = sa.exists().where(parts.c.object_id == objects.c.id, scope(parts.c.file_id))
    as_manifest = sa.exists().where(files.c.manifest_id == objects.c.id, scope(files.c.id))
    return as_part | as_manifest


def _damaged() -> sa.ColumnElement[bool]:
    return sa.exists().where(damages.c.object_id == objects.c.id)
