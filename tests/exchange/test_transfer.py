"""One transfer: only what is missing travels, in its stored form, and it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.database import Database, metadata
from tukar.errors import Conflict, Corrupt, NotFound, Unavailable
from tukar.exchange import local
from tukar.exchange import transfer as transfers
from tukar.exchange.remote import Busy
from tukar.exchange.transfer import Moved, transfer
from tukar.objects import holds
from tukar.objects.arrivals import Arrivals
from tukar.objects.index import FreedMeanwhile
from tukar.storage.memory import MemoryStorage
from tukar.testing.models import tiny_safetensors
from tukar.types import Digest

from .ends import NOW, Line, Side, noise

MODEL = tiny_safetensors(0)
TEXT = b"".join(b"%d words and words\n" % number for number in range(900))
FILES = (MODEL, noise(9000, 1), TEXT)


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
def giver(make_side) -> Side:
    side = make_side()
    side.land(*FILES)
    return side


@pytest.fixture
def taker(make_side) -> Side:
    return make_side()


class Waits(list[float]):
    """The pauses that were made, which take no time here."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def move(
    giver: Side, taker: Side, *contents: bytes, line: Line | None = None, admitted: tuple[bytes, ...] = ()
) -> Moved:
    line = line or Line(giver.source(*FILES))
    return transfer(line, taker.destination(*admitted), giver.wanted(*contents), wait=Waits())


def finish(giver: Side, taker: Side, *contents: bytes) -> None:
    """The files are made, and are what they were."""
    for content in contents:
        taker.destination().assemble(giver.announced(content))
        assert taker.read(content) == content


def test_all_of_it_arrives(giver: Side, taker: Side) -> None:
    seen: list[int] = []
    moved = transfer(giver.source(*FILES), taker.destination(), giver.wanted(*FILES), seen.append)
    assert taker.digests() == giver.digests()
    assert moved == Moved(sum(seen), 0, len(giver.digests()))
    finish(giver, taker, *FILES)


def test_it_travels_as_it_is_stored(giver: Side, taker: Side) -> None:
    moved = move(giver, taker, TEXT)
    assert moved.sent < len(TEXT) // 2


def test_nothing_travels_twice(giver: Side, taker: Side) -> None:
    move(giver, taker, *FILES)
    again = move(giver, taker, *FILES)
    assert (again.sent, again.objects, again.avoided) == (0, 0, sum(giver.wanted(*FILES).values()))


def test_a_child_moves_only_what_its_base_has_not(giver: Side, taker: Side) -> None:
    """Tensors that both have do not travel: 2 of them differ here."""
    child = bytearray(MODEL)
    parts, at = giver.manifest(MODEL).parts, 0
    changed = [parts[2], parts[-1]]
    for part in parts:
        if part in changed:
            child[at] ^= 1
        at += part.length
    giver.land(bytes(child))
    taker.land(MODEL)
    line = Line(giver.source(bytes(child)))
    moved = move(giver, taker, bytes(child), line=line, admitted=(MODEL,))
    assert moved.objects == 1 + len(changed)
    assert moved.avoided == sum({p.digest: p.length for p in parts if p not in changed}.values())
    assert moved.sent == line.carried < sum(part.length for part in changed) + len(parts) * 40 + 2000
    finish(giver, taker, bytes(child))


def test_what_may_not_be_admitted_travels_though_it_is_here(giver: Side, taker: Side) -> None:
    taker.land(MODEL)
    moved = move(giver, taker, MODEL)
    assert (moved.avoided, moved.objects) == (0, len(giver.wanted(MODEL)))
    assert moved.sent > len(MODEL)
    finish(giver, taker, MODEL)


CUTS = given(
    cuts=st.lists(st.integers(1, 9000), max_size=40),
    portion=st.sampled_from([1, 3000, 1 << 30]),
    at_once=st.sampled_from([2, 10_000]),
)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@CUTS
def test_cuts_cost_little(giver: Side, make_side, cuts: list[int], portion: int, at_once: int) -> None:
    cost_little(giver, make_side(), cuts, portion, at_once)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@CUTS
def test_many_cuts_cost_little(giver: Side, make_side, cuts: list[int], portion: int, at_once: int) -> None:
    cost_little(giver, make_side(), cuts, portion, at_once)


def cost_little(giver: Side, taker: Side, cuts: list[int], portion: int, at_once: int) -> None:
    """Whatever arrived before a cut does not come again, but for the table of the object that was under way."""
    line = Line(giver.source(*FILES), list(cuts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfers, "PORTION", portion)
        patch.setattr(transfers, "OBJECTS_LIMIT", at_once)
        for _ in range(len(cuts) + 1):
            try:
                moved = move(giver, taker, *FILES, line=line)
                break
            except Unavailable:  # several cuts within one table of blocks: nothing arrived
                continue
    whole = sum(map(len, giver.source(*FILES).give(list(giver.wanted(*FILES)))))
    table = 64 + 68 * (9000 // 512 + 1)
    assert line.carried <= whole + len(cuts) * 2 * table
    assert moved.sent <= line.carried
    assert taker.digests() == giver.digests()
    finish(giver, taker, *FILES)


def size_of(giver: Side, digest: Digest) -> int:
    return sum(map(len, giver.source(*FILES).give([digest])))


def test_what_is_here_in_part_goes_first(giver: Side, taker: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = list(giver.wanted(*FILES))
    largest = max(wanted, key=lambda digest: size_of(giver, digest))
    half = size_of(giver, largest) // 2
    with pytest.raises(Unavailable), Line(giver.source(*FILES), [half]).read([largest]) as pieces:
        taker.destination().write(pieces, {largest: 0})
    monkeypatch.setattr(transfers, "OBJECTS_LIMIT", 3)
    line = Line(giver.source(*FILES))
    move(giver, taker, *FILES, line=line)
    (first, *_), start = line.asked[0]
    assert first == largest
    assert start is not None
    assert [start for _, start in line.asked[1:]] == [None] * (len(line.asked) - 1)
    assert taker.digests() == giver.digests()


def test_a_dead_line_is_given_up_and_what_came_stays(giver: Side, taker: Side) -> None:
    line, waits = Line(giver.source(*FILES), [3000, *[1] * 20]), Waits()
    with pytest.raises(Unavailable, match="cut"):
        transfer(line, taker.destination(), giver.wanted(*FILES), wait=waits)
    assert len(line.asked) == 2 + len(transfers.PAUSES)
    assert waits == [transfers.PAUSES[0], *transfers.PAUSES[:1], *transfers.PAUSES[1:]]
    before = line.carried
    line.cuts.clear()
    move(giver, taker, *FILES, line=line)
    whole = sum(map(len, giver.source(*FILES).give(list(giver.wanted(*FILES)))))
    assert line.carried - before < whole - 2000


def test_progress_starts_the_patience_anew(giver: Side, taker: Side) -> None:
    line = Line(giver.source(*FILES), [2000] * 12)
    move(giver, taker, *FILES, line=line)
    assert line.cuts == []
    assert taker.digests() == giver.digests()


def test_who_waits_may_stop_it(giver: Side, taker: Side) -> None:
    class Enough(Exception): ...

    def stop(_: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        transfer(Line(giver.source(*FILES), [100]), taker.destination(), giver.wanted(*FILES), wait=stop)


def test_a_flipped_bit_ends_it_and_what_came_before_stays(giver: Side, taker: Side) -> None:
    line = Line(giver.source(*FILES), flips=40)
    with pytest.raises(Corrupt):
        move(giver, taker, *FILES, line=line)
    move(giver, taker, *FILES, line=line)
    assert taker.digests() == giver.digests()


class Liar:
    """Sends something else than what it is asked for."""

    def __init__(self, side: Side, *instead: Digest) -> None:
        self.source, self.instead = side.source(*FILES), instead

    def bases(self, wanted):
        return {}

    def read(self, wanted, start=None, differences=()):
        return self.source.read(self.instead)


def test_other_objects_are_refused(giver: Side, taker: Side) -> None:
    one, *others = giver.wanted(*FILES)
    with pytest.raises(Corrupt, match="not asked for"):
        transfer(Liar(giver, one), taker.destination(), dict.fromkeys(others, 0), wait=Waits())
    assert taker.digests() == set()


class Miser(Liar):
    """Sends less than it is asked for."""

    def read(self, wanted, start=None, differences=()):
        return self.source.read([digest for digest in self.instead if digest in wanted])


def test_fewer_objects_are_asked_for_again_until_it_makes_no_sense(giver: Side, taker: Side) -> None:
    one, *others = giver.wanted(*FILES)
    with pytest.raises(Unavailable):
        transfer(Miser(giver, one), taker.destination(), dict.fromkeys([one, *others], 0), wait=Waits())
    assert taker.digests() == {one}


def test_a_source_gives_only_what_is_in_its_scope(giver: Side, taker: Side) -> None:
    with pytest.raises(NotFound) as known:
        transfer(giver.source(MODEL), taker.destination(), giver.wanted(TEXT), wait=Waits())
    unknown = Digest.of(b"nobody ever sent this")
    with pytest.raises(NotFound) as never:
        transfer(giver.source(MODEL), taker.destination(), {unknown: 0}, wait=Waits())
    asked = next(iter(giver.wanted(TEXT)))
    assert str(known.value).replace(str(asked), "") == str(never.value).replace(str(unknown), "")


def test_one_at_a_time_for_an_owner(giver: Side, taker: Side) -> None:
    ends = taker.destination()
    waits = Waits()
    with ends._arriving():
        with pytest.raises(Busy):
            transfer(giver.source(*FILES), ends, giver.wanted(*FILES), wait=waits)
        assert isinstance(Busy(""), Conflict)
        transfer(giver.source(*FILES), taker.destination(owner="swap:2"), giver.wanted(*FILES))
    assert waits == list(transfers.PAUSES)
    transfer(giver.source(*FILES), ends, giver.wanted(*FILES))


def test_owners_share_nothing_with_each_other(giver: Side, taker: Side) -> None:
    """What one owner sent is not admitted to another, and is no part of their files."""
    move(giver, taker, *FILES)
    other = taker.destination(owner="swap:2")
    assert other.missing(list(giver.wanted(*FILES))).objects == tuple(giver.wanted(*FILES))
    with pytest.raises(FreedMeanwhile):
        other.assemble(giver.announced(MODEL))


def test_what_was_dropped_comes_again(giver: Side, taker: Side) -> None:
    line = Line(giver.source(*FILES), [4000])
    move(giver, taker, *FILES, line=line)
    local.drop(taker.store, "swap:1")
    assert not local.folder_of(taker.store, "swap:1").exists()
    assert move(giver, taker, *FILES).objects == len(giver.digests())


def test_owners_for_whom_nothing_came_for_long_are_dropped(giver: Side, taker: Side) -> None:
    move(giver, taker, *FILES)
    local.drop_untouched(taker.store, "swap:", NOW)
    local.drop_untouched(taker.store, "push:", NOW + 1)
    with taker.store.database.read() as tx:
        assert holds.untouched(tx, "swap:", NOW + 1) == ["swap:1"]
    with taker.destination()._arriving():
        local.drop_untouched(taker.store, "swap:", NOW + 1)  # something comes just now
        assert local.folder_of(taker.store, "swap:1").exists()
    local.drop_untouched(taker.store, "swap:", NOW + 1)
    with taker.store.database.read() as tx:
        assert holds.untouched(tx, "swap:", NOW + 1) == []
    assert not local.folder_of(taker.store, "swap:1").exists()


def test_a_table_out_of_proportion_is_refused(giver: Side, taker: Side) -> None:
    from tukar.objects.packs import BLOCK, RECORD

    digest = Digest.of(b"x")
    frame = RECORD.pack(digest, 0, 0, 0, 0, 1, 0, 3_000_000, 0, 3_000_000) + bytes(BLOCK.size)
    with pytest.raises(Corrupt, match="more than is taken in"):
        taker.destination().write([frame], [digest])


class Crash(BaseException):
    """The process dies."""


def test_what_had_arrived_before_a_crash_is_used(giver: Side, taker: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it came, and the process died before it was put into a pack."""

    def crash(_: Arrivals) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(Arrivals, "seal", crash)
        with pytest.raises(Crash):
            move(giver, taker, *FILES)
    again = move(giver, taker, *FILES)
    assert again.sent == 0
    finish(giver, taker, *FILES)
