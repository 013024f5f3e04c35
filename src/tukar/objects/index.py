"""The index in the database: which objects there are, where they lie, and which files they make up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import Corrupt, NotFound
from tukar.objects.freed import FreedMeanwhile as FreedMeanwhile
from tukar.objects.packs import DIGEST, Record
from tukar.objects.packs import Location as Location
from tukar.objects.tables import files, objects, packs, parts
from tukar.types import Digest

LANDING: Final = "landing"
LIVE: Final = "live"
DEAD: Final = "dead"
STRAY: Final = "stray"

_BATCH: Final = 500  # of an IN list
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that the store holds: its row id and what it is."""

    id: int
    sha256: str
    size: int
    format: str


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A run of a stored file: from byte ``start`` on, ``length`` bytes, which are the object at ``location``."""

    start: int
    length: int
    location: Location


def batches(items: Iterable[_T], size: int = _BATCH) -> Iterator[list[_T]]:
    """``items`` in lists of at most ``size``: what one IN list may hold."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def find_file(tx: Transaction, sha256: str) -> StoredFile | None:
    """The stored file of that sha256, also one that gc has condemned."""
    return find_files(tx, [sha256]).get(sha256)


def find_files(tx: Transaction, sha256s: Iterable[str]) -> dict[str, StoredFile]:
    """The stored files among ``sha256s``."""
    found: dict[str, StoredFile] = {}
    for batch in batches(sha256s):
        for row in tx.execute(sa.select(files).where(files.c.sha256.in_(batch))):
            found[row.sha256] = StoredFile(row.id, row.sha256, row.size, row.format)
    return found


def locate(tx: Transaction, digests: Iterable[Digest]) -> dict[Digest, Location]:
    """Where the objects and their bases are; those that the store does not have are left out."""
    found = located(tx, digests)
    return dict(zip(found, with_bases(tx, list(found.values())), strict=True))


def located(tx: Transaction, digests: Iterable[Digest]) -> dict[Digest, Location]:
    """Where the objects are, without their bases."""
    found: dict[Digest, Location] = {}
    for batch in batches(digests):
        for row in tx.execute(sa.select(objects).where(objects.c.digest.in_(batch))):
            found[Digest(row.digest)] = location_of(row)
    return found


def parts_between(tx: Transaction, file_id: int, start: int, stop: int, limit: int) -> list[StoredPart]:
    """The first ``limit`` parts of a file that overlap the bytes ``start`` to ``stop``, in order."""
    first = (
        sa.select(sa.func.max(parts.c.start))
        .where(parts.c.file_id == file_id, parts.c.start <= start)
        .scalar_subquery()
    )
    query = (
        sa.select(parts.c.start, parts.c.length, *objects.c)
        .join_from(parts, objects, parts.c.object_id == objects.c.id)
        .where(parts.c.file_id == file_id, parts.c.start >= first, parts.c.start < stop)
        .order_by(parts.c.start)
        .limit(limit)
    )
    rows = tx.execute(query).all()
    found = with_bases(tx, [location_of(row) for row in rows])
    return [StoredPart(row.start, row.length, location) for row, location in zip(rows, found, strict=True)]


def location_of(row: Any) -> Location:
    """The location that a row speaks of which ends with all columns of ``objects``; Corrupt if it has no digest."""
    # By position, which is faster: a mixture-of-experts has 100,000 of these.
    row = row[-len(objects.c) :]
    _, digest, kind, size, pack_id, offset, stored_size, codec, block_size, meta, table, bases, depth = row
    bases = bases or b""
    if len(digest) != DIGEST or len(bases) % DIGEST:
        raise Corrupt(f"an object in the index has a digest of {len(digest)} bytes", hint="run `tukar check`")
    of = tuple(Digest(bases[at : at + DIGEST]) for at in range(0, len(bases), DIGEST))
    record = Record(Digest(digest), kind, size, codec, block_size, offset, stored_size, meta, table, of, depth)
    return Location(pack_id, record)


def with_bases(tx: Transaction, locations: Sequence[Location]) -> list[Location]:
    """The same, and where their bases are, and the bases of these. Corrupt if one is not stored."""
    found: dict[Digest, Location] = {}
    wanted = {base for location in locations for base in location.record.bases}
    while wanted:
        here = located(tx, wanted)
        if here.keys() != wanted:
            raise Corrupt(f"object {min(wanted - here.keys())} is missing, and others are stored as differences to it")
        found |= here
        wanted = {base for location in here.values() for base in location.record.bases} - found.keys()
    for digest in sorted(found, key=lambda each: found[each].record.depth):
        found[digest] = _complete(found[digest], found)
    return [_complete(location, found) for location in locations]


def _complete(location: Location, found: Mapping[Digest, Location]) -> Location:
    record, bases = location.record, tuple(found[base] for base in location.record.bases)
    if any(base.record.depth >= record.depth for base in bases):
        raise Corrupt(f"object {record.digest} is not stored deeper than its bases", hint="run `tukar check`")
    return replace(location, bases=bases) if bases else location


def object_row(pack_id: str, record: Record) -> dict[str, object]:
    """The row of an object in a pack."""
    return {
        "digest": bytes(record.digest),
        "kind": record.kind,
        "size": record.size,
        "pack_id": pack_id,
        "offset": record.offset,
        "stored_size": record.stored_size,
        "codec": record.codec,
        "block_size": record.block_size,
        "meta": record.meta,
        "blocks": record.table,
        "bases": b"".join(record.bases) or None,
        "depth": record.depth,
    }


def locate_ids(tx: Transaction, digests: Collection[Digest]) -> dict[Digest, int]:
    """The row ids of the objects that are known."""
    found: dict[Digest, int] = {}
    for batch in batches(digests):
        query = sa.select(objects.c.digest, objects.c.id).where(objects.c.digest.in_(batch))
        found.update((Digest(digest), row_id) for digest, row_id in tx.execute(query))
    return found


def get_file(tx: Transaction, sha256: str) -> StoredFile:
    """The stored file of that sha256; NotFound if there is none."""
    found = find_file(tx, sha256)
    if found is None:
        raise NotFound(f"no file with sha256 {sha256} is stored here")
    return found


def unregistered(tx: Transaction, pack_ids: Collection[str]) -> list[str]:
    """Those of these packs that never became live."""
    ours = packs.c.id.in_(pack_ids) & (packs.c.state == LANDING)
    return list(tx.execute(sa.select(packs.c.id).where(ours)).scalars())
