"""Objects travel from one store to another in their stored form, and go on where they stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.errors import Corrupt, NotFound
from tukar.objects import holds, index, stream
from tukar.objects.arrivals import Arrivals, Incomplete
from tukar.objects.reading import Blocks
from tukar.objects.stream import Input, Start
from tukar.objects.tables import held_objects, objects
from tukar.testing.models import tiny_safetensors
from tukar.types import Digest

from .stores import BLOCK, NOW, Store, flipped, noise, text

CONTENTS = (tiny_safetensors(0), noise(9000, 1), text(7000))


@pytest.fixture
def giver(make_store) -> Store:
    store = make_store()
    store.land(*CONTENTS)
    return store


@pytest.fixture
def taker(make_store) -> Store:
    return make_store()


def all_digests(store: Store) -> list[Digest]:
    return [Digest(row.digest) for row in store.rows(sa.select(objects.c.digest).order_by(objects.c.id))]


def send(store: Store, wanted: list[Digest], start: Start | None = None) -> Iterator[bytes]:
    def locate(digest: Digest) -> index.Location:
        with store.database.read() as tx:
            found = index.locate(tx, [digest])
        if digest not in found:
            raise NotFound("no such object")
        return found[digest]

    return stream.send(Blocks(store.storage), locate, wanted, start)


def open_arrivals(store: Store, folder: Path, owner: str = "swap:1") -> Arrivals:
    return Arrivals(store.database, store.storage, folder, owner, NOW)


def request(arrivals: Arrivals, wanted: list[Digest]) -> tuple[list[Digest], Start | None]:
    """What is still to be asked for: first what is under way."""
    rest = [digest for digest in wanted if digest not in arrivals.arrived]
    if arrivals.under_way is None:
        return rest, None
    digest, start = arrivals.under_way
    return [digest, *(other for other in rest if other != digest)], start


def nothing(_: int) -> None:
    pass


def test_all_arrives_and_is_held(giver: Store, taker: Store, tmp_path: Path) -> None:
    wanted = all_digests(giver)
    with open_arrivals(taker, tmp_path / "in") as arrivals:
        arrivals.take(send(giver, wanted), dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    assert set(all_digests(taker)) == set(wanted)
    taker.collect()
    assert set(all_digests(taker)) == set(wanted)
    assert taker.check() == []
    with taker.database.write() as tx:
        holds.release(tx, "swap:1")
    taker.collect()
    assert all_digests(taker) == []


def test_the_stored_form_is_kept(giver: Store, taker: Store, tmp_path: Path) -> None:
    wanted = all_digests(giver)
    with open_arrivals(taker, tmp_path / "in") as arrivals:
        arrivals.take(send(giver, wanted), dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    before = {stream.placed(record, 0) for _, record in giver.records()}
    assert {stream.placed(record, 0) for _, record in taker.records()} == before
    assert any(record.stored_size < record.size for record in before)


CUTS = given(cuts=st.lists(st.integers(1, 4000), max_size=30), reopen=st.booleans(), torn=st.integers(0, 700))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@CUTS
def test_a_cut_stream_goes_on_where_it_stopped(
    giver: Store, make_store, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], reopen: bool, torn: int
) -> None:
    goes_on(giver, make_store(), tmp_path_factory.mktemp("arrivals") / "in", cuts, reopen, torn)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@CUTS
def test_a_cut_stream_goes_on_wherever_it_stopped(
    giver: Store, make_store, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], reopen: bool, torn: int
) -> None:
    goes_on(giver, make_store(), tmp_path_factory.mktemp("arrivals") / "in", cuts, reopen, torn)


def goes_on(giver: Store, taker: Store, folder: Path, cuts: list[int], reopen: bool, torn: int) -> None:
    """Nothing that arrived comes again, but what a crash tore off the end."""
    wanted = all_digests(giver)
    whole = sum(map(len, send(giver, wanted)))
    sent = 0
    arrivals = open_arrivals(taker, folder)
    for cut in cuts:
        rest, start = request(arrivals, wanted)
        data = b"".join(send(giver, rest, start))[:cut]
        sent += len(data)
        if len(data) < cut:
            break
        try:
            arrivals.take([data], dict.fromkeys(wanted, 0), nothing)
        except (Incomplete, Corrupt):
            pass
        if reopen:
            arrivals.__exit__(None, None, None)
            size = (folder / "stream").stat().st_size
            with (folder / "stream").open("r+b") as file:
                file.truncate(max(0, size - torn))
            arrivals = open_arrivals(taker, folder)
    rest, start = request(arrivals, wanted)
    last = b"".join(send(giver, rest, start))
    arrivals.take([last], dict.fromkeys(wanted, 0), nothing)
    arrivals.seal()
    arrivals.__exit__(None, None, None)
    assert set(all_digests(taker)) == set(wanted)
    headers = max(record.footer_size for _, record in giver.records())
    again = sent + len(last) - whole
    assert again <= len(cuts) * (headers + (headers + torn if reopen else 0) + headers)
    assert taker.check() == []


def test_what_was_torn_is_asked_for_again(giver: Store, taker: Store, tmp_path: Path) -> None:
    wanted = all_digests(giver)
    data = b"".join(send(giver, wanted))
    folder = tmp_path / "in"
    with open_arrivals(taker, folder) as arrivals, pytest.raises((Incomplete, Corrupt)):
        arrivals.take([data[: len(data) * 2 // 3]], dict.fromkeys(wanted, 0), nothing)
    torn = flipped((folder / "stream").read_bytes(), 5000)
    (folder / "stream").write_bytes(torn)
    with open_arrivals(taker, folder) as arrivals:
        rest, start = request(arrivals, wanted)
        arrivals.take(send(giver, rest, start), dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    assert set(all_digests(taker)) == set(wanted)
    assert taker.check() == []


def test_the_end_that_a_crash_tore_comes_again_and_what_came_before_does_not(
    giver: Store, taker: Store, tmp_path: Path
) -> None:
    """The last block is here in part: that it is wrong shows only once the rest of it has come."""
    wanted = [max(all_digests(giver), key=lambda digest: sum(len(p) for p in send(giver, [digest])))]
    data = b"".join(send(giver, wanted))
    folder = tmp_path / "in"
    with open_arrivals(taker, folder) as arrivals, pytest.raises(Incomplete):
        arrivals.take([data[: len(data) - 1000]], dict.fromkeys(wanted, 0), nothing)
    arrived = (folder / "stream").read_bytes()
    (folder / "stream").write_bytes(arrived[:-10] + bytes(10))
    with open_arrivals(taker, folder) as arrivals:
        rest, start = request(arrivals, wanted)
        with pytest.raises(Incomplete):
            arrivals.take(send(giver, rest, start), dict.fromkeys(wanted, 0), nothing)
        rest, start = request(arrivals, wanted)
        last = b"".join(send(giver, rest, start))
        assert len(last) < len(data) - len(arrived) + 2 * BLOCK + 2000
        arrivals.take([last], dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    assert all_digests(taker) == wanted


@pytest.mark.parametrize("step", range(40))
def test_a_flipped_bit_on_the_way_is_found(giver: Store, taker: Store, tmp_path: Path, step: int) -> None:
    wanted = all_digests(giver)
    data = b"".join(send(giver, wanted))
    with open_arrivals(taker, tmp_path / "in") as arrivals:
        with pytest.raises((Corrupt, Incomplete)):
            arrivals.take([flipped(data, len(data) * step // 40)], dict.fromkeys(wanted, 0), nothing)
        if arrivals.under_way is None:
            arrivals.seal()
    assert set(all_digests(taker)) <= set(wanted)
    assert taker.check() == []


def test_what_was_not_asked_for_is_refused(giver: Store, taker: Store, tmp_path: Path) -> None:
    wanted = all_digests(giver)
    with open_arrivals(taker, tmp_path / "in") as arrivals, pytest.raises(Corrupt, match="not asked for"):
        arrivals.take(send(giver, wanted), dict.fromkeys(wanted[1:], 0), nothing)


def test_a_lie_about_a_size_ends_it_before_the_first_byte(giver: Store, taker: Store, tmp_path: Path) -> None:
    wanted = all_digests(giver)
    with open_arrivals(taker, tmp_path / "in") as arrivals, pytest.raises(Corrupt, match="bytes, not 1"):
        arrivals.take(send(giver, wanted), dict.fromkeys(wanted, 1), nothing)
    assert (tmp_path / "in" / "stream").stat().st_size == 0


def test_an_object_encoded_anew_begins_anew(giver: Store, taker: Store, make_store, tmp_path: Path) -> None:
    other = make_store()
    other.block_size = 256
    other.land(*CONTENTS)
    wanted = [max(all_digests(giver), key=lambda digest: sum(len(p) for p in send(giver, [digest])))]
    data = b"".join(send(giver, wanted))
    with open_arrivals(taker, tmp_path / "in") as arrivals:
        with pytest.raises(Incomplete):
            arrivals.take([data[: len(data) // 2]], dict.fromkeys(wanted, 0), nothing)
        rest, start = request(arrivals, wanted)
        assert start is not None
        arrivals.take(send(other, rest, start), dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    assert all_digests(taker) == wanted


def test_what_is_here_already_is_not_stored_twice(giver: Store, taker: Store, tmp_path: Path) -> None:
    taker.land(CONTENTS[1])
    wanted = all_digests(giver)
    with open_arrivals(taker, tmp_path / "in") as arrivals:
        arrivals.take(send(giver, wanted), dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    assert len(taker.records()) == taker.count(objects)
    assert taker.count(held_objects) == len(wanted)


def test_pieces_of_any_length_are_one_stream(giver: Store, taker: Store, tmp_path: Path) -> None:
    wanted = all_digests(giver)
    data = b"".join(send(giver, wanted))
    with open_arrivals(taker, tmp_path / "in") as arrivals:
        arrivals.take((data[at : at + 7] for at in range(0, len(data), 7)), dict.fromkeys(wanted, 0), nothing)
        arrivals.seal()
    assert set(all_digests(taker)) == set(wanted)


def test_input_gives_what_there_is() -> None:
    source = Input([b"", b"abc", b"", b"de"])
    assert source.exactly(4) == b"abcd"
    assert bytes(source.some(9)) == b"e"
    assert not source.some(1)
    assert source.exactly(2) == b""
