"""The index in the database: which objects there are, where they lie, and which files they make up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from tukar.database import Transaction
from tukar.errors import Conflict, NotFound
from tukar.objects.packs import Record
from tukar.objects.tables import files, objects, packs, parts
from tukar.types import Digest, Manifest

LANDING: Final = "landing"
LIVE: Final = "live"
DEAD: Final = "dead"

_BATCH: Final = 500
_T = TypeVar("_T")


class FreedMeanwhile(Conflict):
    """What a landing shares with stored files was there when it was looked up, and then gc freed it: land again."""

    def __init__(self) -> None:
        super().__init__("content that this upload shares with stored files was freed meanwhile", hint="send it again")


@dataclass(frozen=True, slots=True)
class Location:
    """Where an object is stored."""

    pack_id: str
    record: Record


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
    """Where the objects are; those that the store does not have are left out."""
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
    return [StoredPart(row.start, row.length, location_of(row)) for row in tx.execute(query)]


def location_of(row: sa.Row[Any]) -> Location:
    """The location that a row of the table ``objects`` speaks of."""
    record = Record(Digest(row.digest), row.kind, row.size, row.codec, row.block_size, row.offset, row.meta, row.blocks)
    return Location(row.pack_id, record)


def begin_pack(tx: Transaction, pack_id: str, now: float) -> None:
    """Note a pack before its first byte is written, so that it is never taken for a stray one."""
    tx.execute(packs.insert().values(id=pack_id, state=LANDING, size=0, content=0, changed_at=now))


def add_pack(tx: Transaction, pack_id: str, size: int, records: Sequence[Record], now: float) -> None:
    """A landed pack becomes live and its objects known. An object that came to be known meanwhile stays where it is.

    FreedMeanwhile if the landing was given up for abandoned, and its pack deleted.
    """
    publish_pack(tx, pack_id, size, records, now)
    known = locate_ids(tx, [record.digest for record in records])
    rows = {record.digest: _object_row(pack_id, record) for record in records if record.digest not in known}
    if rows:
        tx.execute(objects.insert(), list(rows.values()))


def publish_pack(tx: Transaction, pack_id: str, size: int, records: Iterable[Record], now: float) -> None:
    """A pack that is whole and durable becomes live; FreedMeanwhile if it was given up for abandoned."""
    content = sum(record.stored_size for record in records)
    ours = (packs.c.id == pack_id) & (packs.c.state == LANDING)
    live = packs.update().where(ours).values(state=LIVE, size=size, content=content, changed_at=now)
    if tx.execute(live).rowcount == 0:
        raise FreedMeanwhile


def _object_row(pack_id: str, record: Record) -> dict[str, object]:
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
    }


def move_objects(tx: Transaction, old: Iterable[Location], new: Iterable[Record], to_pack: str) -> None:
    """Objects were copied, as they are stored, to a new pack. One that no longer lies where it did stays as it is."""
    here = (objects.c.digest == sa.bindparam("object")) & (objects.c.pack_id == sa.bindparam("old_pack"))
    moved = objects.update().where(here).values(pack_id=to_pack, offset=sa.bindparam("new_offset"))
    rows = [
        {"object": bytes(record.digest), "old_pack": location.pack_id, "new_offset": record.offset}
        for location, record in zip(old, new, strict=True)
    ]
    if rows:
        tx.execute(moved, rows)


def locate_ids(tx: Transaction, digests: Collection[Digest]) -> dict[Digest, int]:
    """The row ids of the objects that are known."""
    found: dict[Digest, int] = {}
    for batch in batches(digests):
        query = sa.select(objects.c.digest, objects.c.id).where(objects.c.digest.in_(batch))
        found.update((Digest(digest), row_id) for digest, row_id in tx.execute(query))
    return found


def add_file(tx: Transaction, manifest: Manifest, manifest_digest: Digest, now: float) -> int:
    """Register a file whose objects are all here, and give its row id.

    FreedMeanwhile if an object is not here: gc freed it since it was looked up, and it has to be landed again.
    """
    if find_file(tx, manifest.sha256) is not None:
        return revive_file(tx, manifest.sha256)
    digests = {part.digest for part in manifest.parts} | {manifest_digest}
    ids = locate_ids(tx, digests)
    if len(ids) != len(digests):
        raise FreedMeanwhile
    row = files.insert().values(
        sha256=manifest.sha256,
        size=manifest.size,
        format=manifest.format,
        manifest_id=ids[manifest_digest],
        created_at=now,
    )
    file_id = int(tx.execute(row).inserted_primary_key[0])  # type: ignore[index]
    _add_parts(tx, file_id, manifest, ids)
    return file_id


def _add_parts(tx: Transaction, file_id: int, manifest: Manifest, ids: Mapping[Digest, int]) -> None:
    rows, start = [], 0
    for position, part in enumerate(manifest.parts):
        rows.append(
            {
                "file_id": file_id,
                "position": position,
                "start": start,
                "length": part.length,
                "object_id": ids[part.digest],
            }
        )
        start += part.length
    for batch in batches(rows, 5000):
        tx.execute(parts.insert(), batch)


def revive_file(tx: Transaction, sha256: str) -> int:
    """A known file is needed again: gc may have condemned it. Its row id; FreedMeanwhile if gc has freed it."""
    row = tx.execute(files.update().where(files.c.sha256 == sha256).values(condemned_at=None).returning(files.c.id))
    file_id = row.scalar_one_or_none()
    if file_id is None:
        raise FreedMeanwhile
    return int(file_id)


def forget_landing(tx: Transaction, pack_ids: Collection[str]) -> list[str]:
    """Drop the rows of those packs that never became live; returns their ids, for the storage to drop them too."""
    ours = packs.c.id.in_(pack_ids) & (packs.c.state == LANDING)
    removed = list(tx.execute(sa.select(packs.c.id).where(ours)).scalars())
    tx.execute(packs.delete().where(packs.c.id.in_(removed)))
    return removed


def get_file(tx: Transaction, sha256: str) -> StoredFile:
    """The stored file of that sha256; NotFound if there is none."""
    found = find_file(tx, sha256)
    if found is None:
        raise NotFound(f"no file with sha256 {sha256} is stored here")
    return found
