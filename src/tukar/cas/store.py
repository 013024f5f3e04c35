"""The Xet service: take in xorbs, put files together from them, serve xorbs as views on files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from tukar.cas import epochs, terms, views
from tukar.cas.staging import Staging
from tukar.cas.tables import xet_files, xorb_senders, xorb_spans, xorbs
from tukar.cas.views import Extent, KnownXorb
from tukar.database import Database, Transaction
from tukar.errors import NotFound
from tukar.objects import index
from tukar.objects.damage import damaged_files
from tukar.objects.index import StoredFile
from tukar.objects.sources import FileSource, JoinedSource, SliceSource
from tukar.objects.store import ObjectStore
from tukar.objects.tables import files
from tukar.storage.oserrors import os_errors_unavailable
from tukar.types import ByteSource
from tukar.xet.hashes import XetHash
from tukar.xet.shards import Term
from tukar.xet.tables import Piece, XorbTable
from tukar.xet.xorbs import read_xorb

Senders = sa.Select[int]
"""A SELECT of the row ids of users."""

_WINDOW: Final = 512 << 10  # raw bytes read at a time while a view is served: clients ask for up to 64 views at once


@dataclass(frozen=True, slots=True)
class XetFile:
    """A stored file as Xet sees it: the runs of chunks that it is put together from."""

    hash: XetHash
    file: StoredFile
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class XorbStore:
    """Xorbs over one database and object store."""

    database: Database
    objects: ObjectStore
    staging: Staging

    def receive(self, user_id: int, claimed: XetHash, body: Path, now: float) -> bool:
        """Verify and stage an uploaded xorb. Invalid if it is not what it claims to be.

        Returns whether this user sends it for the first time: what others have sent is not told. ``body`` is a file
        with the serialised chunks, and stays the caller's.
        """
        raw = body.with_name(f"{body.name}.raw")
        try:
            with os_errors_unavailable("take in a xorb"), body.open("rb") as packed, raw.open("wb") as sink:
                table = read_xorb(packed, claimed, sink.write)
            with self.database.write() as tx, os_errors_unavailable("take in a xorb"):
                xorb = self._know(tx, table, now)
                is_new = self._note_sender(tx, xorb, user_id)
                extents = self._cover(tx, xorb, 0, len(table))
                if extents is None or damaged_files(tx, {extent.file.sha256 for extent in extents}):
                    self.staging.adopt(claimed, raw)
            return is_new
        finally:
            raw.unlink(missing_ok=True)

    def _know(self, tx: Transaction, table: XorbTable, now: float) -> KnownXorb:
        known = views.find(tx, [table.hash]).get(table.hash)
        if known is not None:
            return known
        row = xorbs.insert().values(hash=bytes(table.hash), chunks=table.to_bytes(), created_at=now)
        return KnownXorb(int(tx.execute(row.returning(xorbs.c.id)).scalar_one()), table)

    def _note_sender(self, tx: Transaction, xorb: KnownXorb, user_id: int) -> bool:
        """Whether the user had not sent it before."""
        mine = (xorb_senders.c.xorb_id == xorb.id) & (xorb_senders.c.user_id == user_id)
        if tx.execute(sa.select(xorb_senders).where(mine)).first() is not None:
            return False
        tx.execute(xorb_senders.insert().values(xorb_id=xorb.id, user_id=user_id))
        return True

    def _cover(self, tx: Transaction, xorb: KnownXorb, start: int, stop: int) -> list[Extent] | None:
        return views.cover(xorb, views.spans(tx, xorb, start, stop), start, stop)

    def chunks(self, tx: Transaction, xorb: KnownXorb, start: int, stop: int) -> ByteSource | None:
        """The raw bytes of the chunks ``start`` to ``stop``; None if the hub does not have them all."""
        if self.staging.path(xorb.table.hash).exists():
            return _StagedChunks(self, xorb, start, stop)
        extents = self._cover(tx, xorb, start, stop)
        return None if extents is None else self._join(extents)

    def _join(self, extents: Sequence[Extent]) -> ByteSource:
        return JoinedSource([SliceSource(self.objects.open(e.file), e.start, e.stop) for e in extents])

    def link(self, tx: Transaction, user_id: int, xet_hash: XetHash, runs: Sequence[Term], file_id: int) -> None:
        """Note that a user put a stored file together from these runs of chunks: the xorbs become views on it.

        NotFound if a xorb was forgotten meanwhile.
        """
        known = views.find(tx, {run.xorb for run in runs})
        offset = 0
        for run in runs:
            xorb = known.get(run.xorb)
            if xorb is None:
                raise _gone(run.xorb)
            if not self._is_spanned(tx, xorb, run, file_id):
                row = {"chunk_start": run.chunk_start, "chunk_stop": run.chunk_end, "offset": offset}
                tx.execute(xorb_spans.insert().values(xorb_id=xorb.id, file_id=file_id, **row))
            offset += run.nbytes
        # The runs that came first stay: a client in the middle of a download must find them again.
        same = (xet_files.c.hash == bytes(xet_hash)) & (xet_files.c.user_id == user_id)
        if tx.execute(sa.select(xet_files.c.hash).where(same)).first() is None:
            mine = {"user_id": user_id, "file_id": file_id, "terms": terms.encode(runs)}
            tx.execute(xet_files.insert().values(hash=bytes(xet_hash), **mine))

    def _is_spanned(self, tx: Transaction, xorb: KnownXorb, run: Term, file_id: int) -> bool:
        """Whether the file is known already to hold these chunks, wherever."""
        columns = xorb_spans.c
        holds = (columns.xorb_id == xorb.id) & (columns.file_id == file_id)
        holds &= (columns.chunk_start <= run.chunk_start) & (columns.chunk_stop >= run.chunk_end)
        return tx.execute(sa.select(columns.id).where(holds)).first() is not None

    def unstage(self, hashes: Iterable[XetHash]) -> None:
        """Drop the staged form of those xorbs that stored files hold completely by now."""
        with self.database.read() as tx:
            known = views.find(tx, hashes)
            done = [xorb for xorb in known.values() if self._cover(tx, xorb, 0, len(xorb.table)) is not None]
        for xorb in done:
            self.staging.drop(xorb.table.hash)

    def find_file(self, tx: Transaction, xet_hash: XetHash, senders: Senders) -> XetFile | None:
        """The file of that Xet hash, if one of ``senders`` sent it through Xet."""
        query = sa.select(xet_files.c.terms, files).join_from(xet_files, files).order_by(xet_files.c.user_id)
        theirs = (xet_files.c.hash == bytes(xet_hash)) & xet_files.c.user_id.in_(senders)
        row = tx.execute(query.where(theirs)).first()
        if row is None:
            return None
        return XetFile(xet_hash, StoredFile(row.id, row.sha256, row.size, row.format), terms.decode(row.terms))

    def hash_of(self, tx: Transaction, sha256s: Iterable[str], senders: Senders) -> dict[str, XetHash]:
        """The Xet hashes of those of these files that one of ``senders`` sent through Xet."""
        found: dict[str, XetHash] = {}
        query = sa.select(files.c.sha256, xet_files.c.hash).join_from(xet_files, files)
        query = query.where(xet_files.c.user_id.in_(senders)).order_by(xet_files.c.hash)
        for batch in index.batches(sha256s):
            for sha256, xet_hash in tx.execute(query.where(files.c.sha256.in_(batch))):
                found.setdefault(sha256, XetHash(xet_hash))
        return found

    def stream(self, xorb: XetHash, start: int, stop: int) -> Iterator[bytes]:
        """The bytes ``start`` to ``stop`` of a xorb's view, in order; NotFound if the hub lacks their chunks."""
        with self.database.read() as tx:
            known = views.find(tx, [xorb]).get(xorb)
            touched = range(0) if known is None else known.table.touched(start, stop)
            source = None if known is None else self.chunks(tx, known, touched.start, touched.stop)
        if known is None or source is None:
            raise _gone(xorb)
        return _serialise(known.table, source, known.table.offsets[touched.start], start, stop)

    def forget_files(self, tx: Transaction, file_ids: Sequence[int]) -> None:
        """Files are being freed, and views on them end: clients must forget the xorbs."""
        freed = sum(
            tx.execute(table.delete().where(table.c.file_id.in_(batch))).rowcount
            for table in (xorb_spans, xet_files)
            for batch in index.batches(file_ids)
        )
        if freed:
            self.forget_empty(tx)
            epochs.begin(tx)

    def forget_empty(self, tx: Transaction) -> None:
        """Forget the xorbs of which nothing is here, neither staged nor in stored files."""
        unheld = sa.select(xorbs.c.id, xorbs.c.hash).where(~sa.exists().where(xorb_spans.c.xorb_id == xorbs.c.id))
        gone = [row.id for row in tx.execute(unheld) if not self.staging.path(XetHash(row.hash)).exists()]
        for batch in index.batches(gone):
            tx.execute(xorbs.delete().where(xorbs.c.id.in_(batch)))

    def drop_stale(self, before: float) -> None:
        """Drop what was staged before ``before`` and never became part of a file."""
        stale = list(self.staging.older_than(before))
        if stale:
            with self.database.write() as tx:
                for xorb in stale:
                    self.staging.drop(xorb)
                self.forget_empty(tx)
                epochs.begin(tx)


class _StagedChunks:
    """Chunks of a staged xorb; once it is staged no more, because stored files hold it, those are read."""

    def __init__(self, store: XorbStore, xorb: KnownXorb, start: int, stop: int) -> None:
        self._store, self._xorb, self._chunks = store, xorb, (start, stop)
        self._base = xorb.table.offsets[start]
        self.size = xorb.table.offsets[stop] - self._base

    def read(self, start: int, stop: int) -> bytes:
        try:
            with FileSource(self._store.staging.path(self._xorb.table.hash)) as file:
                return file.read(self._base + start, self._base + stop)
        except FileNotFoundError:
            return self._stored().read(start, stop)

    def _stored(self) -> ByteSource:
        with self._store.database.read() as tx:
            source = self._store.chunks(tx, self._xorb, *self._chunks)
        if source is None:
            raise _gone(self._xorb.table.hash)
        return source


def _gone(xorb: XetHash) -> NotFound:
    return NotFound(f"the hub does not have these chunks of xorb {xorb} any more")


def _serialise(table: XorbTable, source: ByteSource, base: int, start: int, stop: int) -> Iterator[bytes]:
    """The bytes ``start`` to ``stop`` of a view; ``source`` has the xorb's raw bytes from ``base`` on."""
    for group in _windows(table.pieces(start, stop)):
        low = group[0].start
        raw = source.read(low - base, group[-1].stop - base)
        yield b"".join(part for piece in group for part in (piece.head, raw[piece.start - low : piece.stop - low]))


def _windows(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces in groups that are read at once."""
    group: list[Piece] = []
    for piece in pieces:
        group.append(piece)
        if piece.stop - group[0].start >= _WINDOW:
            yield group
            group = []
    if group:
        yield group
