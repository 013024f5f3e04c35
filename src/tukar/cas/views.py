"""Where the chunks of a xorb are in stored files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tukar.cas.tables import xorb_senders, xorb_spans, xorbs
from tukar.database import Transaction
from tukar.objects import index
from tukar.objects.index import StoredFile
from tukar.objects.tables import files
from tukar.xet.hashes import XetHash
from tukar.xet.tables import XorbTable


@dataclass(frozen=True, slots=True)
class Span:
    """The chunks ``start`` to ``stop`` (exclusive) of a xorb are the bytes of ``file`` from ``offset`` on."""

    start: int
    stop: int
    file: StoredFile
    offset: int


@dataclass(frozen=True, slots=True)
class KnownXorb:
    """A xorb that the hub knows: its row id and its chunks."""

    id: int
    table: XorbTable


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of a stored file's bytes."""

    file: StoredFile
    start: int
    stop: int


def find(tx: Transaction, hashes: Iterable[XetHash], sender: int | None = None) -> dict[XetHash, KnownXorb]:
    """The known ones among these xorbs; with ``sender`` only those that this user has sent."""
    query = sa.select(xorbs.c.id, xorbs.c.hash, xorbs.c.chunks)
    if sender is not None:
        sent = (xorb_senders.c.xorb_id == xorbs.c.id) & (xorb_senders.c.user_id == sender)
        query = query.where(sa.exists().where(sent))
    found: dict[XetHash, KnownXorb] = {}
    for batch in index.batches(set(hashes)):
        for row in tx.execute(query.where(xorbs.c.hash.in_(batch))):
            found[XetHash(row.hash)] = KnownXorb(row.id, XorbTable.from_bytes(row.chunks))
    return found


def spans(tx: Transaction, xorb: KnownXorb, start: int, stop: int) -> list[Span]:
    """What is known of where the chunks ``start`` to ``stop`` are, by their first chunk, the longest first."""
    columns = xorb_spans.c
    query = (
        sa.select(columns.chunk_start, columns.chunk_stop, columns.offset, files)
        .join_from(xorb_spans, files)
        .where(columns.xorb_id == xorb.id, columns.chunk_start < stop, columns.chunk_stop > start)
        .order_by(columns.chunk_start, columns.chunk_stop.desc())
    )
    return [
        Span(row.chunk_start, row.chunk_stop, StoredFile(row.id, row.sha256, row.size, row.format), row.offset)
        for row in tx.execute(query)
    ]


def cover(xorb: KnownXorb, known: Sequence[Span], start: int, stop: int) -> list[Extent] | None:
    """The raw bytes of the chunks ``start`` to ``stop`` in stored files; None if not all of them are in one."""
    offsets = xorb.table.offsets
    extents: list[Extent] = []
    while start < stop:
        span = max((s for s in known if s.start <= start < s.stop), key=lambda s: s.stop, default=None)
        if span is None:
            return None
        end = min(stop, span.stop)
        base = span.offset - offsets[span.start]
        extents.append(Extent(span.file, base + offsets[start], base + offsets[end]))
        start = end
    return extents
