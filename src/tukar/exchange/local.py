"""The store on this side, as the source and as the destination of a transfer.

Who gets objects, and who sends them, differ in what they may have (``Scope``), and in for whom what comes is held
(``owner``).
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from filelock import FileLock, Timeout

from tukar.database import Database
from tukar.errors import Invalid, NotFound
from tukar.exchange.remote import OBJECTS_LIMIT, Bases, Busy, Pieces, Progress, Wanted
from tukar.exchange.remote import Announced as Announced
from tukar.objects import damage, holds, stream
from tukar.objects.arrivals import Arrivals, BaseUnusable, Incomplete
from tukar.objects.assembly import Assembly
from tukar.objects.index import Location
from tukar.objects.reading import Blocks
from tukar.objects.relatives import shallow
from tukar.objects.scopes import Scope, bases_within, ids_within, locate_within
from tukar.objects.stream import Start
from tukar.storage.base import Storage
from tukar.storage.oserrors import os_errors_unavailable
from tukar.types import Digest

_NO_BASES: Final[Bases] = MappingProxyType({})
_AHEAD: Final = 64  # objects that are located at once: the table of a large one has megabytes


@dataclass(frozen=True, slots=True, eq=False)
class LocalStore:
    """The parts of a hub that a transfer works with.

    Attributes:
        arrivals: the folder for what arrives in part; below it each owner has a folder.
        clock: seconds since the epoch.
    """

    database: Database
    storage: Storage
    arrivals: Path
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class LocalSource:
    """What somebody may have of this store: the objects of the files within a scope.

    Attributes:
        known: the files that they may know to be here: what is stored as a difference to an object of these, they are
            told so. By default those that they may have.
    """

    store: LocalStore
    scope: Scope
    known: Scope | None = None

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        """As ``remote.Source``."""
        _check_count(wanted)
        with self.store.database.read() as tx:
            return bases_within(tx, wanted, self.scope, self.known or self.scope)

    @contextmanager
    def read(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> Iterator[Pieces]:
        """As ``remote.Source``."""
        yield self.give(wanted, start, differences)

    def give(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> Pieces:
        """The objects in their stored form, but for differences that are not among those that may come so.

        How long that is shows only as it is made: meanwhile an object may be encoded anew.

        NotFound if one is not within the scope: whether it is stored is not told.
        """
        _check_count(wanted)
        _check_count(differences)
        asked = set(wanted)
        allowed = self.bases([digest for digest in differences if digest in asked]) if differences else {}
        with self.store.database.read() as tx:
            _require(wanted, ids_within(tx, wanted, self.scope))
        return stream.send(Blocks(self.store.storage), _Locator(self, wanted), wanted, start, allowed)

    def locate(self, digests: Sequence[Digest]) -> dict[Digest, Location]:
        """Where the objects are; NotFound as ``give``."""
        with self.store.database.read() as tx:
            found = locate_within(tx, digests, self.scope)
        _require(digests, found)
        return found


class _Locator:
    """Locates objects that are asked for in order, some at a time; one that is asked for again, by itself."""

    def __init__(self, source: LocalSource, wanted: Sequence[Digest]) -> None:
        self._source = source
        self._waiting = deque(wanted)
        self._found: dict[Digest, Location] = {}

    def __call__(self, digest: Digest) -> Location:
        if self._waiting and self._waiting[0] == digest:
            some = [self._waiting.popleft() for _ in range(min(_AHEAD, len(self._waiting)))]
            self._found = self._source.locate(some)
        return self._found.pop(digest, None) or self._source.locate([digest])[digest]


@dataclass(frozen=True, slots=True)
class LocalDestination:
    """What comes to this store for an owner.

    Attributes:
        owner: for whom it is held, until the owner is dropped.
        scope: the files that the sender may know to be here: their objects need not be sent.
        unusable: bases that turned out to be bad here: what is a difference to them has to come by itself.
    """

    store: LocalStore
    owner: str
    scope: Scope
    unusable: set[Digest] = field(default_factory=set, init=False, compare=False)

    @property
    def in_order(self) -> bool:
        """As ``remote.Destination``: a base may come before what is a difference to it."""
        return False

    def missing(self, digests: Sequence[Digest]) -> Wanted:
        """Of these objects, those that have to be sent; the others are held for the owner from now on.

        What is here outside the scope, and was not sent for this owner, has to be sent like what is not here.
        """
        _check_count(digests)
        with self._arriving() as arrivals:
            with self.store.database.write() as tx:
                holds.touch(tx, self.owner, self.store.clock())
                here = ids_within(tx, digests, self.scope) | holds.objects_of(tx, self.owner, digests)
                holds.hold_objects(tx, self.owner, list(here.values()))
            lacking = [each for each in dict.fromkeys(digests) if each not in here and each not in arrivals.arrived]
            under_way = arrivals.under_way
            if not lacking and under_way is None:
                arrivals.seal()  # a crash may have come before that
        if under_way is None or under_way[0] not in lacking:
            return Wanted(tuple(lacking))
        lacking.remove(under_way[0])
        return Wanted((under_way[0], *lacking), under_way[1])

    def usable(self, bases: Bases) -> set[Digest]:
        """As ``remote.Destination``.

        What is here outside the scope, and was not sent for this owner, does not count: the sender would learn of it.
        """
        with self.store.database.write() as tx:
            holds.touch(tx, self.owner, self.store.clock())
            named = {base for of in bases.values() for base in of} - self.unusable
            here = ids_within(tx, named, self.scope) | holds.objects_of(tx, self.owner, named)
            here = shallow(tx, here)
            found = {digest for digest, of in bases.items() if of and here.keys() >= set(of)}
            found -= damage.damaged_digests(tx, found)  # a difference mends nothing: others may be differences to it
            held = {here[base] for digest in found for base in bases[digest]}
            holds.hold_objects(tx, self.owner, held)
        return found

    def write(
        self,
        pieces: Iterable[bytes],
        wanted: Mapping[Digest, int] | None,
        differences: Bases = _NO_BASES,
        on_progress: Progress = lambda _: None,
    ) -> None:
        """Take a stream in; what came before an error stays. ``wanted`` is None where any object may come.

        Corrupt if something comes that is not what it should be; Busy if another stream comes for the owner;
        Incomplete if it ends before all has come; BaseUnusable if what something is a difference to cannot be read.
        """
        with self._arriving() as arrivals:
            try:
                arrivals.take(pieces, wanted, on_progress, differences)
            except BaseUnusable as error:
                self.unusable.add(error.base)
                raise
            arrivals.seal()
            if wanted is not None and not wanted.keys() <= arrivals.taken:
                raise Incomplete

    def assemble(self, file: Announced, on_progress: Progress = lambda _: None) -> None:
        """Put a file together from objects that are held for the owner, and hold it.

        Corrupt if it does not come out as announced; FreedMeanwhile if an object is not held for the owner.
        """
        with self._arriving() as arrivals:
            arrivals.finish()
        self._assembly.assemble(file.sha256, file.size, file.manifest, on_progress)

    def parts_of(self, file: Announced) -> dict[Digest, int]:
        """The objects that a file is made of and their sizes, from its manifest, which is held for the owner."""
        found = self._assembly.manifest(file.manifest, file.sha256, file.size)
        return {part.digest: part.length for part in found.parts}

    @property
    def _assembly(self) -> Assembly:
        return Assembly(self.store.database, self.store.storage, self.owner, self.store.clock())

    def held(self) -> dict[str, int]:
        """The files that are held for the owner, by sha256: their row ids."""
        with self.store.database.read() as tx:
            return holds.files_of(tx, self.owner)

    @contextmanager
    def _arriving(self) -> Iterator[Arrivals]:
        folder = folder_of(self.store, self.owner)
        with os_errors_unavailable("take in what arrives"):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / "lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise Busy("another transfer of the same is under way", hint="wait until it has ended") from None
        try:
            now = self.store.clock()
            with Arrivals(self.store.database, self.store.storage, folder, self.owner, now) as arrivals:
                yield arrivals
        finally:
            lock.release()


def drop(store: LocalStore, owner: str) -> None:
    """Hold nothing for an owner any more, and forget what arrived."""
    with store.database.write() as tx:
        holds.release(tx, owner)
    shutil.rmtree(folder_of(store, owner), ignore_errors=True)


def drop_untouched(store: LocalStore, prefix: str, before: float) -> None:
    """Drop the owners whose names begin so, and for whom nothing has come since ``before``."""
    with store.database.read() as tx:
        owners = holds.untouched(tx, prefix, before)
    for owner in owners:
        if not is_arriving(store, owner):
            drop(store, owner)


def is_arriving(store: LocalStore, owner: str) -> bool:
    """Whether something is just coming for an owner."""
    path = folder_of(store, owner) / "lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def folder_of(store: LocalStore, owner: str) -> Path:
    """Where what arrives for an owner is kept."""
    return store.arrivals / owner.replace(":", "-").replace("/", "-")


def _require(wanted: Iterable[Digest], found: Iterable[Digest]) -> None:
    here = set(found)
    for digest in wanted:
        if digest not in here:
            raise NotFound(f"no object {digest} here that you may have")


def _check_count(digests: Collection[Digest]) -> None:
    if len(digests) > OBJECTS_LIMIT:
        raise Invalid(f"more than {OBJECTS_LIMIT} objects at once")
