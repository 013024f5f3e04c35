"""The files of a pull, as the destination of a transfer: objects come once, whatever needs them, and those that are on
this disk already do not come at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NoReturn

from blake3 import blake3

from tukar.cli.aside import ahead
from tukar.cli.growing import Growing
from tukar.cli.places import Place
from tukar.errors import Conflict, Corrupt
from tukar.exchange.remote import Bases, Wanted
from tukar.objects import manifests, stream
from tukar.objects.blocks import Base
from tukar.objects.packs import MANIFEST, Record, object_hasher
from tukar.objects.stream import Incomplete, Input
from tukar.objects.unpacking import Unpacker
from tukar.types import Digest, Manifest

_STEP: Final = 1 << 20
_MANIFESTS: Final = 64 << 20  # bytes of all manifests of a pull: a million and a half of parts


class ManifestsHere:
    """The manifests of files, as the destination of a transfer: they are kept in memory."""

    def __init__(self) -> None:
        self.found: dict[Digest, Manifest] = {}
        self._size = 0

    @property
    def in_order(self) -> bool:
        """As ``remote.Destination``."""
        return False

    def missing(self, digests: Sequence[Digest]) -> Wanted:
        """As ``remote.Destination``."""
        return Wanted(tuple(digest for digest in digests if digest not in self.found))

    def usable(self, bases: Bases) -> set[Digest]:
        """As ``remote.Destination``: a manifest is no difference."""
        return set()

    def write(self, pieces: Iterable[bytes], wanted: Mapping[Digest, int], differences: Bases) -> None:
        """As ``remote.Destination``."""
        source = Input(pieces)
        while (begun := stream.read_header(source)) is not None:
            record, start = begun
            if start or record.kind != MANIFEST or record.bases or record.digest not in wanted:
                raise Corrupt(f"object {record.digest} arrived and was not asked for")
            self.found[record.digest] = manifests.decode(self._take(record, source))
        if not wanted.keys() <= self.found.keys():
            raise Incomplete

    def _take(self, record: Record, source: Input) -> bytes:
        self._size += record.size
        if self._size > _MANIFESTS:
            raise Corrupt(f"the files are made of more parts than fit into {_MANIFESTS} bytes")
        stored = source.exactly(record.stored_size)
        if len(stored) < record.stored_size:
            raise Incomplete
        raw = b"".join(Unpacker(record).feed(stored))
        if object_hasher(MANIFEST).update(raw).digest() != record.digest:
            raise Corrupt(f"object {record.digest}: its blocks do not add up to its digest")
        return raw


class ChangedHere(Conflict):
    """Somebody works in the folder: what was there is gone, and has to come. What that is was worked out anew."""


class Gathering:
    """Files that grow, one after another, as the destination of a transfer.

    Args:
        files: those that are not here.
        places: where objects are on this disk.
        elsewhere: finds an object on this disk that is only needed for what is a difference to it.

    Attributes:
        nbytes: of the streams, as they came.
    """

    def __init__(
        self,
        files: Sequence[Growing],
        places: Mapping[Digest, Place],
        elsewhere: Callable[[Digest], Place | None] = lambda _: None,
    ) -> None:
        self._places, self._elsewhere = dict(places), elsewhere
        self._bases: dict[Digest, Place] = {}
        self._wrong: set[Digest] = set()
        for file in files:
            file.recall()
        # What is here in part goes on first, so that the object that was under way can.
        self._waiting = sorted(files, key=lambda file: (file.under_way is None, not file.at))
        self._files = files
        for file in files:
            self._know(file)
        self._lacking = self._plan()
        self.nbytes = 0

    @property
    def lacking(self) -> Mapping[Digest, int]:
        """The objects that have to come, with their sizes, in the order in which they are needed."""
        return self._lacking

    @property
    def received(self) -> int:
        """Raw bytes of files that came."""
        return sum(file.received for file in self._files)

    def _know(self, file: Growing) -> None:
        for (digest, place), _ in zip(file.places(), range(file.index), strict=False):
            self._places.setdefault(digest, place)

    def _plan(self) -> dict[Digest, int]:
        parts = (part for file in self._waiting for part in file.manifest.parts[file.index :])
        return {part.digest: part.length for part in parts if part.digest not in self._places}

    @property
    def in_order(self) -> bool:
        """As ``remote.Destination``: files grow from their first byte on."""
        return True

    def missing(self, digests: Sequence[Digest]) -> Wanted:
        """As ``remote.Destination``."""
        wanted = [digest for digest in digests if digest in self._lacking]
        under_way = self._waiting[0].under_way if self._waiting else None
        if under_way is None or under_way[0] not in wanted:
            return Wanted(tuple(wanted))
        wanted.remove(under_way[0])
        return Wanted((under_way[0], *wanted), under_way[1])

    def usable(self, bases: Bases) -> set[Digest]:
        """As ``remote.Destination``."""
        named = {base for of in bases.values() for base in of}
        for base in named - self._places.keys() - self._wrong:
            place = self._elsewhere(base)
            if place is not None:
                self._bases[base] = place
        here = named & (self._places.keys() | self._bases.keys())
        usable = set()
        for digest in self._lacking:  # what comes first can be built upon
            if digest in bases and here >= set(bases[digest]):
                usable.add(digest)
            here.add(digest)
        return usable

    def _check_bases(self, record: Record) -> None:
        """ChangedHere or Incomplete if it was not what came that is wrong, but what is here: it comes without that."""
        for base in record.bases:
            place = self._places.get(base) or self._bases[base]
            hasher = blake3()
            for start in range(0, record.size, _STEP):
                hasher.update(place.read(start, min(start + _STEP, record.size)))
            if hasher.digest() != base:
                self._wrong.add(base)
                if base in self._places:  # as a part, too, it may have to come
                    self._forget(place)
                del self._bases[base]
                raise Incomplete

    def _base(self, record: Record) -> Base:
        places = [self._places.get(base) or self._bases[base] for base in record.bases]
        return lambda base, start, stop: places[base].read(start, stop)

    def write(self, pieces: Iterable[bytes], wanted: Mapping[Digest, int], differences: Bases) -> None:
        """As ``remote.Destination``; ChangedHere where other objects have to come than was thought."""
        with ahead(pieces) as drawn:
            source = Input(self._counted(drawn))
            while (begun := stream.read_header(source)) is not None:
                record, start = begun
                if record.digest not in wanted or record.digest not in self._lacking:
                    raise Corrupt(f"object {record.digest} arrived and was not asked for")
                if record.bases and record.bases != differences.get(record.digest):
                    raise Corrupt(f"object {record.digest} arrived as a difference that was not asked for")
                file = self._advance_to(record.digest)
                if file is None:
                    raise Corrupt(f"object {record.digest} arrived out of order")
                try:
                    file.receive(record, start, source, self._base(record))
                except Corrupt:
                    self._check_bases(record)
                    raise
                del self._lacking[record.digest]
                self._places[record.digest] = file.place(file.at - record.size)
        if wanted.keys() & self._lacking.keys():
            raise Incomplete

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.nbytes += len(piece)
            yield piece

    def _advance_to(self, wanted: Digest | None) -> Growing | None:
        """Go on with what is on this disk: the file of which the wanted object is the next part, None at the end."""
        while self._waiting:
            file = self._waiting[0]
            while (part := file.next_part) is not None:
                if part.digest == wanted:
                    return file
                self._copy(file, part.digest)
            file.finish()
            self._waiting.pop(0)
        return None

    def _copy(self, file: Growing, digest: Digest) -> None:
        place = self._places.get(digest)
        if place is None:
            raise Corrupt("the objects arrived out of order")
        if not file.copy(place):
            self._forget(place)

    def _forget(self, place: Place) -> NoReturn:
        """Nothing is in this file any more."""
        self._places = {each: other for each, other in self._places.items() if other.paths != place.paths}
        self._lacking = self._plan()
        raise ChangedHere(f"{place.paths[0]} is being written to", hint="pull again once that has ended")

    def finish(self) -> None:
        """Make the files whole of what is here. ChangedHere if more has to come."""
        self._advance_to(None)

    def close(self) -> None:
        """Keep what is here for another attempt."""
        for file in self._files:
            file.close()
