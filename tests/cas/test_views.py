"""Where the chunks of a xorb are, from what is known of files; and the bytes that are served of it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.cas import terms
from tukar.cas.store import XorbStore
from tukar.cas.views import Extent, KnownXorb, Span, cover
from tukar.objects.index import StoredFile
from tukar.testing.xet import MadeXorb
from tukar.xet import Term, XetHash

from .conftest import Link, Send, noise, view

LENGTHS = (10, 20, 30, 40, 50)
TABLE = noise(*LENGTHS).table
OFFSETS = TABLE.offsets


def file(number: int) -> StoredFile:
    return StoredFile(number, f"{number:064x}", 10_000, "opaque")


def span(start: int, stop: int, number: int = 1, offset: int = 0) -> Span:
    return Span(start, stop, file(number), offset)


def test_one_file_holds_all() -> None:
    found = cover(KnownXorb(1, TABLE), [span(0, 5, offset=7)], 1, 3)
    assert found == [Extent(file(1), 7 + 10, 7 + 60)]


def test_files_take_turns() -> None:
    found = cover(KnownXorb(1, TABLE), [span(0, 2, 1), span(1, 4, 2), span(4, 5, 3)], 0, 5)
    assert found == [Extent(file(1), 0, 30), Extent(file(2), 20, 90), Extent(file(3), 0, 50)]


def test_a_gap_is_none() -> None:
    assert cover(KnownXorb(1, TABLE), [span(0, 2), span(3, 5)], 0, 5) is None
    assert cover(KnownXorb(1, TABLE), [], 0, 1) is None
    assert cover(KnownXorb(1, TABLE), [], 2, 2) == []


@given(st.data())
def test_what_is_found_is_what_was_asked_for(data: st.DataObject) -> None:
    bounds = st.tuples(st.integers(0, 4), st.integers(1, 5)).filter(lambda pair: pair[0] < pair[1])
    known = [span(*data.draw(bounds), number) for number in range(data.draw(st.integers(0, 6)))]
    known.sort(key=lambda item: (item.start, -item.stop))
    start, stop = data.draw(bounds)
    found = cover(KnownXorb(1, TABLE), known, start, stop)
    held = {chunk for item in known for chunk in range(item.start, item.stop)}
    assert (found is None) == (not set(range(start, stop)) <= held)
    if found is None:
        return
    by_number = {item.file.id: item for item in known}
    at = OFFSETS[start]
    for extent in found:
        item = by_number[extent.file.id]
        assert OFFSETS[item.start] + extent.start == at
        at += extent.stop - extent.start
    assert at == OFFSETS[stop]


HASHES = st.binary(min_size=32, max_size=32).map(XetHash)
NUMBERS = st.integers(0, 2**32 - 1)


@given(st.lists(st.builds(Term, HASHES, NUMBERS, NUMBERS, NUMBERS)))
def test_runs_are_kept_as_they_are(runs: list[Term]) -> None:
    assert terms.decode(terms.encode(runs)) == tuple(runs)


XORB = MadeXorb(
    tuple(bytes([65 + number]) * length for number, length in enumerate((5, 1, 120_000, 90_000, 131_072, 7)))
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_range_of_a_view(store: XorbStore, send: Send, link: Link, data: st.DataObject) -> None:
    send(XORB)
    if data.draw(st.booleans()):
        link(XORB.run(3, 6), XORB.run(0, 2))
        link(XORB.run(2, 4))
        store.unstage([XORB.hash])
    size = XORB.table.size
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    assert view(store, XORB, start, stop) == XORB.body[start:stop]
