"""Objects in their stored form: what another store lacks is given to it, and what it sends is taken in.

One set of verbs for people who push and pull, and for hubs that swap: they differ in who may have what (``Scope``), and
in for whom what comes is held (``owner``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tukar.errors import Conflict, Invalid, NotFound
from tukar.objects import holds, stream
from tukar.objects.arrivals import Arrivals
from tukar.objects.assembly import Assembly
from tukar.objects.index import Location
from tukar.objects.scopes import Scope, ids_within, locate_within
from tukar.objects.stream import Start
from tukar.storage.oserrors import os_errors_unavailable
from tukar.types import Digest
from tukar.usecases.services import Services

OBJECTS_LIMIT: Final = 10_000
"""Objects that are asked for at once."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Given:
    """A stream of objects, and its length in bytes."""

    size: int
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is still to come: the objects in order, the first perhaps in part."""

    objects: tuple[Digest, ...]
    start: Start | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that is to be put together: its sha256, its size in bytes, and the object that is its manifest."""

    sha256: str
    size: int
    manifest: Digest


def give(services: Services, scope: Scope, wanted: Sequence[Digest], start: Start | None = None) -> Given:
    """The objects in their stored form. NotFound if one is not within the scope: whether it is stored is not told."""
    _check_count(wanted)

    def locate(digest: Digest) -> Location:
        with services.database.read() as tx:
            return _all(locate_within(tx, [digest], scope), [digest])[digest]

    with services.database.read() as tx:
        found = _all(locate_within(tx, wanted, scope), wanted)
    size = sum(found[digest].record.footer_size + found[digest].record.stored_size for digest in wanted)
    if start is not None and wanted and start.record == stream.name(found[wanted[0]].record):
        size -= min(start.stored, found[wanted[0]].record.stored_size)
    first = {digest: found[digest] for digest in wanted}
    pieces = stream.send(services.objects.storage, lambda d: first.pop(d, None) or locate(d), wanted, start)
    return Given(size, pieces)


def _all(found: dict[Digest, Location], wanted: Iterable[Digest]) -> dict[Digest, Location]:
    for digest in wanted:
        if digest not in found:
            raise NotFound(f"no object {digest} here that you may have")
    return found


def _check_count(digests: Collection[Digest]) -> None:
    if len(digests) > OBJECTS_LIMIT:
        raise Invalid(f"more than {OBJECTS_LIMIT} objects at once")


def missing(services: Services, owner: str, scope: Scope, digests: Sequence[Digest]) -> Wanted:
    """Of these objects, those that have to be sent.

    What is here within the scope, and so may be admitted to, is held for the owner from now on.
    """
    _check_count(digests)
    with services.database.write() as tx:
        holds.touch(tx, owner, services.clock())
        here = ids_within(tx, digests, scope) | holds.objects_of(tx, owner, digests)
        holds.hold_objects(tx, owner, list(here.values()))
    with arriving(services, owner) as arrivals:
        lacking = [digest for digest in dict.fromkeys(digests) if digest not in here and digest not in arrivals.arrived]
        under_way = arrivals.under_way
    if under_way is None or under_way[0] not in lacking:
        return Wanted(tuple(lacking))
    lacking.remove(under_way[0])
    return Wanted((under_way[0], *lacking), under_way[1])


def take(
    services: Services,
    owner: str,
    pieces: Iterable[bytes | memoryview],
    wanted: Collection[Digest] | None = None,
    on_progress: Progress = lambda _: None,
) -> None:
    """Take a stream in; what came before an error stays. With ``wanted``, nothing else may come.

    Corrupt if something comes that is not what it should be; Conflict if another stream comes for that owner.
    """
    with arriving(services, owner) as arrivals:
        arrivals.take(pieces, None if wanted is None else set(wanted), on_progress)
        arrivals.seal()


def assemble(services: Services, owner: str, file: Announced, on_progress: Progress = lambda _: None) -> None:
    """Put a file together from objects that are here, and hold it for the owner.

    Corrupt if it does not come out as announced; FreedMeanwhile if an object is missing.
    """
    made = Assembly(services.database, services.objects.storage, owner, services.clock())
    if made.is_here(file.sha256):
        on_progress(file.size)
        return
    made.add(made.manifest(file.manifest, file.sha256, file.size), file.manifest, on_progress)


def parts_of(services: Services, owner: str, file: Announced) -> list[Digest]:
    """The objects that a file is made of, each once, from its manifest, which is here."""
    made = Assembly(services.database, services.objects.storage, owner, services.clock())
    found = made.manifest(file.manifest, file.sha256, file.size)
    return list(dict.fromkeys(part.digest for part in found.parts))


@contextmanager
def arriving(services: Services, owner: str) -> Iterator[Arrivals]:
    """What arrives for an owner. Conflict if somebody else is at it."""
    folder = _folder(services, owner)
    with os_errors_unavailable("take in what arrives"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Conflict("another transfer of the same is under way", hint="wait until it has ended") from None
    try:
        storage, now = services.objects.storage, services.clock()
        with Arrivals(services.database, storage, folder, owner, now) as arrivals:
            yield arrivals
    finally:
        lock.release()


def _folder(services: Services, owner: str) -> Path:
    return services.arrivals / owner.replace(":", "-").replace("/", "-")


def drop(services: Services, owner: str) -> None:
    """Hold nothing for an owner any more, and forget what arrived."""
    with services.database.write() as tx:
        holds.release(tx, owner)
    shutil.rmtree(_folder(services, owner), ignore_errors=True)


def held(services: Services, owner: str) -> dict[str, int]:
    """The files that are held for an owner, by sha256: their row ids."""
    with services.database.read() as tx:
        return holds.files_of(tx, owner)
