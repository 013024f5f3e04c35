"""A file that is pulled part by part, in order, and goes on at the byte where it stopped.

What came lies next to where the file will be. Of a large part that is under way, its table of blocks lies there too: so
that after any end of the process, what is on disk can be compared, and the rest asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from blake3 import blake3

from tukar.cli.aside import Aside
from tukar.cli.download import arriving_name
from tukar.cli.folder import Missing
from tukar.cli.output import Advance
from tukar.cli.places import Place
from tukar.errors import Corrupt
from tukar.exchange.checksums import Hasher
from tukar.objects import stream
from tukar.objects.blocks import Base, no_base
from tukar.objects.packs import CONTENT, Record
from tukar.objects.stream import Incomplete, Input, Start
from tukar.objects.unpacking import Unpacker
from tukar.types import Digest, Manifest, Part

_STEP: Final = 1 << 20
_SMALL: Final = 1 << 20  # what is no longer is taken as a whole: if it is cut, it comes again
_BUFFER: Final = 256 << 10
_SYNC_EVERY: Final = 128 << 20


class Growing:
    """One file.

    Attributes:
        index: how many of its parts are here.
        at: the byte at which the next one begins.
        received: raw bytes that came, and were not copied.
    """

    def __init__(self, item: Missing, manifest: Manifest, aside: Aside, advance: Advance) -> None:
        self.item, self.manifest = item, manifest
        self._aside, self._advance = aside, advance
        self._path = arriving_name(item.incoming)
        self._frame = item.incoming.with_name(f"{item.incoming.name}.frame")
        self._descriptor: int | None = None
        self._hasher = self._new_hasher()
        self._buffer = bytearray()
        self._partial: Unpacker | None = None
        self._size = self._synced = 0
        self._left = 0  # bytes that an earlier attempt left
        self.index = self.at = self.received = 0

    def _new_hasher(self) -> Hasher:
        return self.item.file.checksum.hasher(self.item.file.size)

    @property
    def next_part(self) -> Part | None:
        """What is to come next; None once all is here."""
        parts = self.manifest.parts
        return parts[self.index] if self.index < len(parts) else None

    @property
    def under_way(self) -> tuple[Digest, Start] | None:
        """The object that is here in part, and from where it is to go on."""
        if self._partial is None or not self._partial.taken:
            return None
        return self._partial.record.digest, Start(stream.name(self._partial.record), self._partial.taken)

    def places(self) -> Iterator[tuple[Digest, Place]]:
        """Where its parts are, once they are here."""
        at = 0
        for part in self.manifest.parts:
            yield part.digest, self.place(at)
            at += part.length

    def place(self, at: int) -> Place:
        """The place at a byte of it."""
        return Place((self.item.incoming, self._path), at)

    # What an earlier attempt left

    def recall(self) -> None:
        """Take up what is on disk, as far as it is what it should be."""
        if not self._path.exists():
            return
        self._open()
        size = os.fstat(self._file).st_size
        while (part := self.next_part) is not None and self.at + part.length <= size and self._recall_part(part):
            self._end_part(part)
        if part is not None and self.at < size:
            self._recall_partial(part, size - self.at)
        self._rehash(self.at + (self._partial.given if self._partial else 0))
        self._left = self._size

    def _recall_part(self, part: Part) -> bool:
        hasher = blake3()
        for data in self._read(self.at, self.at + part.length):
            hasher.update(data)
        return hasher.digest() == part.digest

    def _recall_partial(self, part: Part, size: int) -> None:
        with suppress(FileNotFoundError, Corrupt):
            begun = stream.read_header(Input([self._frame.read_bytes()]))
            if begun is not None and _fits(begun[0], part):
                self._partial = self._recalled(begun[0], size)

    def _recalled(self, record: Record, size: int) -> Unpacker:
        partial = Unpacker(record)
        partial.recall(lambda start, stop: os.pread(self._file, stop - start, self.at + start), size)
        return partial

    def _rehash(self, size: int) -> None:
        """Go back to the first ``size`` bytes."""
        self._aside.settle()
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)
        self._advance(size - self._size)
        self._size, self._hasher = size, self._new_hasher()
        for data in self._read(0, size):
            self._hasher.update(data)

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            data = os.pread(self._file, min(_STEP, stop - start), start)
            if not data:
                return
            yield data
            start += len(data)

    # Parts that come, and parts that are here already

    def receive(self, record: Record, start: int, source: Input, base: Base = no_base) -> None:
        """Take the next part from a stream. Corrupt if it is not what it should be, Incomplete if it is cut.

        ``base`` gives raw bytes of what it is a difference to.
        """
        part = self.next_part
        if part is None or not _fits(record, part):
            raise Corrupt(f"object {record.digest} is not as long as the part of {self.item.file.path!r} that it is")
        self._open()
        if record.bases:
            self._flush()  # the base may be a part that has just come
        partial = self._begin(record, start, base)
        if record.size <= _SMALL:
            self._receive_small(partial, source)
        else:
            self._receive_large(partial, source)
        self._partial = None
        self._end_part(part)

    def _begin(self, record: Record, start: int, base: Base) -> Unpacker:
        partial = self._partial
        if start:
            if partial is None or (record, start) != (partial.record, partial.taken):
                raise Corrupt(f"object {record.digest} goes on at byte {start}, which was not asked for")
            partial.base = base
            return partial
        if partial is not None and partial.given:
            self._rehash(self.at)
        if record.size > _SMALL:
            self._flush()
            self._frame.write_bytes(stream.header(record))
        self._partial = Unpacker(record, base)
        return self._partial

    def _receive_small(self, partial: Unpacker, source: Input) -> None:
        stored = source.exactly(partial.record.stored_size)
        if len(stored) < partial.record.stored_size:
            self._partial = None
            raise Incomplete
        for raw in partial.feed(stored):
            self.received += len(raw)
            self._append(raw)

    def _receive_large(self, partial: Unpacker, source: Input) -> None:
        try:
            while not partial.is_whole:
                data = source.some(min(_STEP, partial.record.stored_size - partial.taken))
                if not data:
                    raise Incomplete
                for raw in partial.feed(data):
                    self.received += len(raw)
                    self._write(raw)
        except Corrupt:
            # What came before the block is right: it can be built upon.
            self._rehash(self.at + partial.sound)
            self._partial = self._recalled(partial.record, partial.sound)
            if self._left <= self._size:
                raise
            self._left = 0  # it was not the hub: a crash tore what an earlier attempt had written
            raise Incomplete from None

    def copy(self, place: Place) -> bool:
        """Take the next part from this disk; False, and nothing is changed, if it is not there any more."""
        part = self.next_part
        assert part is not None  # noqa: S101 - whoever knows a place knows what is to come
        self._open()
        self._flush()
        hasher, at = blake3(), 0
        while at < part.length and (data := place.read(at, min(at + _STEP, part.length))):
            hasher.update(data)
            self._write(data)
            at += len(data)
        if hasher.digest() != part.digest:
            self._rehash(self.at)
            return False
        self._end_part(part)
        return True

    def _end_part(self, part: Part) -> None:
        self.index += 1
        self.at += part.length

    def _append(self, raw: bytes | memoryview) -> None:
        """Write what is short together with what follows."""
        self._buffer += raw
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        buffer, self._buffer = self._buffer, bytearray()
        if buffer:
            self._write(bytes(buffer))

    def _write(self, raw: bytes | memoryview) -> None:
        rest = memoryview(raw)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._aside.hash(self._hasher, raw)
        self._size += len(raw)
        self._advance(len(raw))
        if self._size - self._synced >= _SYNC_EVERY:
            self._aside.sync(self._file)
            self._synced = self._size

    def finish(self) -> None:
        """All parts are here: verify the file, make it durable, and give it its name.

        Corrupt if it is not the file that was listed; nothing is left of it then.
        """
        self._open()
        self._flush()
        self._aside.settle()
        if self._hasher.hexdigest() != self.item.file.checksum.hex:
            self.close()
            self._path.unlink()
            raise Corrupt(
                f"{self.item.file.path!r}: the hub sent bytes that are not {self.item.file.checksum}",
                hint="run `tukar check` on the hub",
            )
        os.fsync(self._file)
        self.close()
        self._frame.unlink(missing_ok=True)
        self._path.replace(self.item.incoming)

    # The file

    @property
    def _file(self) -> int:
        assert self._descriptor is not None  # noqa: S101 - it was opened
        return self._descriptor

    def _open(self) -> None:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
            self._descriptor = os.open(self._path, flags, 0o666)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)

    def close(self) -> None:
        """Keep what is here for another attempt."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            self._flush()
        is_empty = not os.fstat(self._descriptor).st_size
        os.close(self._descriptor)
        self._descriptor = None
        if is_empty and self.item.file.size:
            self._path.unlink()


def _fits(record: Record, part: Part) -> bool:
    return (record.digest, record.kind, record.size) == (part.digest, CONTENT, part.length)
