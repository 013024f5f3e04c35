"""Objects of some files only: what may be given to somebody, or admitted to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.objects.index import Location, batches, location_of, with_bases
from tukar.objects.tables import damages, files, objects, parts
from tukar.types import Digest

_PLACES: Final = 4  # of an object: a base may be in every file of a family

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


def bases_within(
    tx: Transaction, digests: Iterable[Digest], scope: Scope, known: Scope
) -> dict[Digest, tuple[Digest, ...]]:
    """Those of the objects that are stored as differences, and to what, if all of that is within what is known."""
    found: dict[Digest, tuple[Digest, ...]] = {}
    mine = sa.select(objects).where(_needed(scope), ~_damaged(), objects.c.depth > 0)
    for batch in batches(digests):
        here = [location_of(row).record for row in tx.execute(mine.where(objects.c.digest.in_(batch)))]
        named = {base for record in here for base in record.bases}
        readable = ids_within(tx, named, known).keys()
        found.update((record.digest, record.bases) for record in here if readable >= set(record.bases))
    return found


def places_within(tx: Transaction, digests: Iterable[Digest], scope: Scope) -> list[tuple[Digest, str, int]]:
    """In which files of the scope the objects are: the file's sha256, and the byte; a few of each."""
    found: list[tuple[Digest, str, int]] = []
    seen: Counter[Digest] = Counter()
    query = (
        sa.select(objects.c.digest, files.c.sha256, parts.c.start)
        .join_from(parts, objects, objects.c.id == parts.c.object_id)
        .join(files, files.c.id == parts.c.file_id)
        .where(scope(files.c.id))
        .order_by(files.c.id)
    )
    for batch in batches(digests):
        for row in tx.execute(query.where(objects.c.digest.in_(batch))):
            digest = Digest(row.digest)
            seen[digest] += 1
            if seen[digest] <= _PLACES:
                found.append((digest, row.sha256, row.start))
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
