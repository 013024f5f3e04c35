"""Writing a pack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from tukar.codecs.base import Codec, TensorView
from tukar.errors import Corrupt
from tukar.objects.encoding import Base, Encoding
from tukar.objects.packs import COUNT, HEADER, MAX_FOOTER, Record, encode_footer, key
from tukar.storage.base import Storage, Writer
from tukar.types import Digest

MAX_RECORDS: Final = 1 << 16
"""Objects of a pack: what reads a footer holds them all."""

_BUFFER: Final = 256 << 10  # a mixture-of-experts has 100,000 tensors of some bytes


class PackWriter:
    """Writes one pack. Visible and durable once the context is left without an exception."""

    def __init__(self, storage: Storage, pack_id: str) -> None:
        self.id = pack_id
        self.records: list[Record] = []
        self.size = 0
        self.footer_size = COUNT.size
        self._buffer = bytearray()
        self._create: AbstractContextManager[Writer] = storage.create(key(pack_id))

    def __enter__(self) -> Self:
        self._blob = self._create.__enter__()
        self._write(HEADER)
        return self

    def has_room(self, pack_size: int) -> bool:
        """Whether another object may be added if the pack is to have about ``pack_size`` bytes."""
        return self.size + self.footer_size < pack_size and len(self.records) < MAX_RECORDS

    @property
    def is_whole(self) -> bool:
        """Whether every object of which something was written was written to its end. If not, it cannot be finished."""
        return self.size == len(HEADER) + sum(record.stored_size for record in self.records)

    def add(
        self,
        digest: Digest,
        kind: int,
        codec: Codec,
        tensor: TensorView,
        block_size: int,
        bases: Sequence[Base] = (),
    ) -> Record:
        """Encode and append an object. Each block is decoded again: the digest of what comes out is noted."""
        offset, encoding = self.size, Encoding(digest, kind, codec, tensor, block_size, bases)
        for stored in encoding.blocks():
            self._write(stored)
        return self._note(encoding.record(offset))

    def copy(self, record: Record, stored: Iterable[bytes | memoryview]) -> Record:
        """Append an object that is encoded already, its stored bytes in order."""
        offset = self.size
        for piece in stored:
            self._write(piece)
        if self.size - offset != record.stored_size:
            raise Corrupt(f"object {record.digest}: {self.size - offset} stored bytes, not {record.stored_size}")
        return self._note(replace(record, offset=offset))

    def _note(self, record: Record) -> Record:
        self.records.append(record)
        self.footer_size += record.footer_size
        return record

    def _write(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        if len(data) < _BUFFER:
            self._buffer += data
            if len(self._buffer) >= _BUFFER:
                self._flush()
        else:
            self._flush()
            self._blob.write(data)

    def _flush(self) -> None:
        buffer, self._buffer = self._buffer, bytearray()
        if buffer:
            self._blob.write(buffer)

    def _finish(self) -> None:
        if not self.is_whole:
            raise Corrupt(f"pack {self.id}: its last object is not whole")
        if self.footer_size > MAX_FOOTER:
            raise Corrupt(f"pack {self.id}: its footer would have {self.footer_size} bytes, more than {MAX_FOOTER}")
        self._write(encode_footer(self.records))
        self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._finish()
            except BaseException as failed:
                self._create.__exit__(type(failed), failed, failed.__traceback__)
                raise
        self._create.__exit__(kind, error, trace)
