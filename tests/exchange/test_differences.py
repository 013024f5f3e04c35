"""Differences travel where the other side has what they are differences to; elsewhere tensors travel alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar

import pytest
import sqlalchemy as sa

from tukar.codecs.raw import Raw
from tukar.database import Database, metadata
from tukar.errors import Corrupt, Invalid
from tukar.exchange.local import LocalDestination, LocalSource
from tukar.exchange.remote import OBJECTS_LIMIT, Bases, Wanted
from tukar.exchange.transfer import Moved, transfer
from tukar.objects import index, reencoding, stream
from tukar.objects.index import Location
from tukar.objects.packs import Record, key
from tukar.objects.repack import Repacker
from tukar.objects.stream import Input, Start
from tukar.objects.tables import bases, objects
from tukar.storage.memory import MemoryStorage
from tukar.testing.relations import fresh, stored, tuned
from tukar.types import Digest

from .ends import NOW, Line, Side
from .test_transfer import Waits

BASE = fresh(1)
CHILD = tuned(BASE, 2)
FILES = BASE_FILE, CHILD_FILE, GRANDCHILD_FILE = stored(BASE), stored(CHILD), stored(tuned(CHILD, 3, change=2e-4))


@pytest.fixture
def make_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Side]]:
    made: list[Database] = []

    def make() -> Side:
        folder = tmp_path_factory.mktemp("side")
        database = Database(f"sqlite:///{folder}/database.sqlite")
        made.append(database)
        with database.engine.begin() as connection:
            metadata.create_all(connection)
        return Side.over(database, MemoryStorage(), folder / "arrivals")

    yield make
    for database in made:
        database.close()


@pytest.fixture
def giver(make_side: Callable[[], Side]) -> Side:
    """A base, its child and its grandchild, as differences."""
    side = make_side()
    for content in FILES:
        side.land(content)
    repack(side)
    return side


@pytest.fixture
def taker(make_side: Callable[[], Side]) -> Side:
    return make_side()


def repack(side: Side) -> None:
    Repacker(side.store.database, side.store.storage, lambda: NOW).run()


def known(giver: Side, *contents: bytes, may_know: tuple[bytes, ...] = FILES) -> LocalSource:
    source = giver.source(*contents)
    return LocalSource(source.store, source.scope, giver.source(*may_know).scope)


def move(giver: Side, taker: Side, *contents: bytes, admitted: tuple[bytes, ...] = (), **settings: object) -> Moved:
    source = known(giver, *contents, **settings)  # type: ignore[arg-type]
    moved = transfer(source, taker.destination(*admitted), giver.wanted(*contents), wait=Waits())
    for content in contents:
        taker.destination().assemble(giver.announced(content))
        assert taker.read(content) == content
    return moved


def differences(side: Side) -> int:
    with side.store.database.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(bases)).scalar_one())


def test_a_child_comes_as_differences_where_its_base_is(giver: Side, taker: Side) -> None:
    taker.land(BASE_FILE)
    moved = move(giver, taker, CHILD_FILE, admitted=(BASE_FILE,))
    assert moved.sent < 0.5 * len(CHILD_FILE)
    assert differences(taker) == 3


def test_it_comes_alone_where_its_base_is_not(giver: Side, taker: Side) -> None:
    moved = move(giver, taker, CHILD_FILE)
    assert 0.5 * len(CHILD_FILE) < moved.sent < len(CHILD_FILE)
    assert differences(taker) == 0


def test_what_may_not_be_admitted_is_not_used(giver: Side, taker: Side) -> None:
    taker.land(BASE_FILE)
    assert move(giver, taker, CHILD_FILE).sent > 0.5 * len(CHILD_FILE)


def test_what_whoever_asks_may_not_know_of_is_not_named(giver: Side, taker: Side) -> None:
    taker.land(BASE_FILE)
    source = known(giver, CHILD_FILE, may_know=(CHILD_FILE,))
    assert source.bases(list(giver.wanted(CHILD_FILE))) == {}
    moved = move(giver, taker, CHILD_FILE, admitted=(BASE_FILE,), may_know=(CHILD_FILE,))
    assert moved.sent > 0.5 * len(CHILD_FILE)


def test_a_family_comes_base_first(giver: Side, taker: Side) -> None:
    moved = move(giver, taker, *reversed(FILES))
    assert moved.sent < len(BASE_FILE) + len(CHILD_FILE)
    assert differences(taker) == 6
    with taker.store.database.read() as tx:
        assert max(tx.execute(sa.select(objects.c.depth)).scalars()) == 2


def test_a_base_may_be_stored_as_a_difference_here(giver: Side, taker: Side) -> None:
    """It has another depth here than where the child comes from."""
    older = stored(tuned(BASE, 9, change=1e-4))
    taker.land(older)
    taker.land(BASE_FILE)
    repack(taker)
    assert differences(taker) == 3
    moved = move(giver, taker, CHILD_FILE, admitted=(BASE_FILE,))
    assert moved.sent < 0.5 * len(CHILD_FILE)
    assert differences(taker) == 6


@pytest.mark.parametrize("cut", [100, 1000, 5000, 9000])
def test_it_goes_on_where_it_was_cut(giver: Side, taker: Side, cut: int) -> None:
    taker.land(BASE_FILE)
    line = Line(known(giver, CHILD_FILE), cuts=[cut])
    transfer(line, taker.destination(BASE_FILE), giver.wanted(CHILD_FILE), wait=Waits())
    taker.destination().assemble(giver.announced(CHILD_FILE))
    assert taker.read(CHILD_FILE) == CHILD_FILE
    assert differences(taker) == 3


class Pushy(LocalSource):
    """Sends differences that nobody asked for."""

    def bases(self, wanted):  # type: ignore[no-untyped-def]
        return {}

    def read(self, wanted, start=None, differences=()):  # type: ignore[no-untyped-def]
        return LocalSource.read(LocalSource(self.store, self.scope, self.known), wanted, start, wanted)


def test_a_difference_that_was_not_asked_for_is_refused(giver: Side, taker: Side) -> None:
    """Or whoever sends could find out what is here."""
    taker.land(BASE_FILE)
    source = known(giver, CHILD_FILE)
    pushy = Pushy(source.store, source.scope, source.known)
    with pytest.raises(Corrupt, match="not asked for"):
        transfer(pushy, taker.destination(BASE_FILE), giver.wanted(CHILD_FILE), wait=Waits())


def test_a_base_that_is_used_stays(giver: Side, taker: Side) -> None:
    taker.land(BASE_FILE)
    told = known(giver, CHILD_FILE).bases(list(giver.wanted(CHILD_FILE)))
    usable = taker.destination(BASE_FILE).usable(told)
    assert usable == set(told)
    from tukar.objects import holds

    with taker.store.database.read() as tx:
        held = holds.objects_of(tx, "swap:1", {base for of in told.values() for base in of})
    assert held.keys() == {Digest(base) for of in told.values() for base in of}


class InOrder:
    """A destination that takes objects only in the order in which it wants them, as files that grow do."""

    in_order = True

    def __init__(self, destination: LocalDestination) -> None:
        self.destination = destination
        self.came: list[Digest] = []

    def missing(self, digests: Sequence[Digest]) -> Wanted:
        return self.destination.missing(digests)

    def usable(self, bases: Bases) -> set[Digest]:
        return self.destination.usable(bases)

    def write(self, pieces: Iterable[bytes], wanted: Mapping[Digest, int], differences: Bases) -> None:
        self.came.extend(wanted)
        self.destination.write(pieces, wanted, differences)


def test_what_has_to_come_in_order_does(giver: Side, taker: Side) -> None:
    """However the objects are related."""
    wanted = giver.wanted(CHILD_FILE, BASE_FILE)
    destination = InOrder(taker.destination())
    transfer(known(giver, CHILD_FILE, BASE_FILE), destination, wanted, wait=Waits())
    assert destination.came == list(wanted)


def flip(side: Side, content: bytes) -> None:
    """A bit of each block of a file's tensors, which no check has found yet."""
    with side.store.database.read() as tx:
        located = index.locate(tx, [part.digest for part in side.manifest(content).parts if part.length >= 4096])
    for location in located.values():
        name = key(location.pack_id)
        pack = bytearray(side.store.storage.read(name, 0, side.store.storage.stat(name).size))
        for block in location.record.blocks():
            pack[location.record.offset + block.start] ^= 4
        with side.store.storage.create(name) as file:
            file.write(pack)


def arrive(giver: Side, taker: Side, line: Line, destination: LocalDestination) -> None:
    transfer(line, destination, giver.wanted(CHILD_FILE), wait=Waits())
    destination.assemble(giver.announced(CHILD_FILE))
    assert taker.read(CHILD_FILE) == CHILD_FILE
    assert differences(taker) == 0


def test_a_bad_base_here_is_not_held_against_who_sends(giver: Side, taker: Side) -> None:
    """What is a difference to it comes by itself."""
    taker.land(BASE_FILE)
    flip(taker, BASE_FILE)
    arrive(giver, taker, Line(known(giver, CHILD_FILE)), taker.destination(BASE_FILE))


@pytest.mark.parametrize("cut", [3000, 5500])
def test_a_base_may_turn_bad_after_a_part_has_come(giver: Side, taker: Side, cut: int) -> None:
    taker.land(BASE_FILE)
    line = Line(known(giver, CHILD_FILE), cuts=[cut])
    with pytest.raises(InterruptedError):
        transfer(line, taker.destination(BASE_FILE), giver.wanted(CHILD_FILE), wait=interrupt)
    flip(taker, BASE_FILE)
    arrive(giver, taker, line, taker.destination(BASE_FILE))


def interrupt(_: float) -> None:
    raise InterruptedError


class Counted(list[Digest]):
    """Counts how often somebody goes through it."""

    times = 0

    def __iter__(self) -> Iterator[Digest]:
        self.times += 1
        return super().__iter__()


def test_a_request_takes_time_in_proportion_to_its_length(giver: Side) -> None:
    source, wanted = known(giver, CHILD_FILE), Counted(giver.wanted(CHILD_FILE))
    source.give(wanted, None, [])
    alone, wanted.times = wanted.times, 0
    source.give(wanted, None, [Digest.of(b"%d" % number) for number in range(100)])
    assert wanted.times <= alone + 1


def test_no_more_differences_are_asked_for_at_once_than_objects(giver: Side) -> None:
    with pytest.raises(Invalid, match="at once"):
        known(giver, CHILD_FILE).give([], None, [Digest.of(b"")] * (OBJECTS_LIMIT + 1))


class Outdated(LocalSource):
    """What it tells is encoded anew before it is sent."""

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        return dict.fromkeys(wanted, (Digest.of(b"what they were differences to before"),))


def records(pieces: Iterable[bytes]) -> Iterator[Record]:
    source = Input(pieces)
    while (begun := stream.read_header(source)) is not None:
        assert len(source.exactly(begun[0].stored_size)) == begun[0].stored_size
        yield begun[0]


def test_nothing_is_named_that_was_not_told_of(giver: Side) -> None:
    """Between telling and sending it may have become a difference to what is private."""
    source, wanted = known(giver, CHILD_FILE), list(giver.wanted(CHILD_FILE))
    outdated = Outdated(source.store, source.scope, source.known)
    sent = list(records(outdated.give(wanted, None, wanted)))
    assert [record.digest for record in sent] == wanted
    assert [record.bases for record in sent] == [()] * len(wanted)


class Reads(MemoryStorage):
    """Counts how often something is read."""

    count = 0

    def read(self, key: str, start: int, stop: int) -> bytes:
        self.count += 1
        return super().read(key, start, stop)


@pytest.fixture
def large(make_side: Callable[[], Side], monkeypatch: pytest.MonkeyPatch) -> Side:
    """A child that is too large to be encoded before it is sent, in several blocks."""
    monkeypatch.setattr(stream, "LARGE", 4096)
    monkeypatch.setattr(reencoding, "BLOCK_SIZE", 4096)
    side = make_side()
    side.land(BASE_FILE)
    side.land(CHILD_FILE)
    repack(side)
    return side


def test_a_large_one_is_sent_as_it_is_decoded(large: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is gone through before the first byte, nor what has been sent already after a cut."""
    monkeypatch.setattr(stream, "_GATHER", 0)
    reads = Reads()
    reads._blobs = large.store.storage._blobs  # type: ignore[attr-defined]
    source = replace(known(large, CHILD_FILE), store=replace(large.store, storage=reads))
    wanted = max(source.bases(list(large.wanted(CHILD_FILE))), key=lambda each: source.locate([each])[each].record.size)
    pieces = source.give([wanted])
    header = next(pieces)
    assert reads.count == 0
    (record,) = records(chain([header], pieces))
    assert (record.codec, record.stored_size, record.bases) == (Raw.id, record.size, ())
    whole, reads.count = reads.count, 0
    header, *rest = source.give([wanted], Start(stream.name(record), record.size - 700))
    assert len(header) == record.footer_size
    assert sum(map(len, rest)) == 700
    assert 0 < reads.count < whole / 3


@pytest.mark.parametrize("cut", [500, 9000, 30_000])
def test_a_large_one_goes_on_where_it_was_cut(large: Side, taker: Side, cut: int) -> None:
    line = Line(known(large, CHILD_FILE), cuts=[cut])
    arrive(large, taker, line, taker.destination())
    assert line.carried < 1.4 * len(CHILD_FILE)


class Asked(LocalSource):
    """Notes how many objects were located at once."""

    at_once: ClassVar[list[int]] = []

    def locate(self, digests: Sequence[Digest]) -> dict[Digest, Location]:
        self.at_once.append(len(digests))
        return LocalSource.locate(self, digests)


def test_an_object_is_located_once(giver: Side) -> None:
    """Also where it is decoded, and encoded by itself."""
    source, wanted = known(giver, CHILD_FILE), list(giver.wanted(CHILD_FILE))
    Asked.at_once.clear()
    assert len(list(records(Asked(source.store, source.scope, source.known).give(wanted)))) == len(wanted)
    assert Asked.at_once == [len(wanted)]


def test_what_is_encoded_anew_meanwhile_is_sent_as_it_is_then(make_side: Callable[[], Side], taker: Side) -> None:
    side = make_side()
    side.land(BASE_FILE)
    side.land(CHILD_FILE)
    wanted = side.wanted(CHILD_FILE)
    pieces = known(side, CHILD_FILE).give(list(wanted))
    repack(side)
    assert differences(side) == 3
    taker.destination().write(pieces, wanted)
    taker.destination().assemble(side.announced(CHILD_FILE))
    assert taker.read(CHILD_FILE) == CHILD_FILE
