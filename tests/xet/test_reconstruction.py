"""How a file is put together: the right bytes, and never a chunk that is not the file's."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.xet import Plan, Run, Term, XetHash, XorbTable, plan
from tukar.xet.chunks import encode

from .content import made_table, noise

TABLES = {
    table.hash: table
    for table in (
        made_table(5, 1, 7, 3, 9, 2, 8, 4, seed="a"),
        made_table(6, 6, 6, 6, seed="b"),
        made_table(20, seed="c"),
    )
}
RAW = {hash_: noise(str(hash_), table.raw_size) for hash_, table in TABLES.items()}
A, B, C = TABLES


def term(xorb: XetHash, start: int, end: int) -> Term:
    offsets = TABLES[xorb].offsets
    return Term(xorb, start, end, offsets[end] - offsets[start])


@st.composite
def terms(draw: st.DrawFn) -> Term:
    xorb = draw(st.sampled_from(list(TABLES)))
    start = draw(st.integers(0, len(TABLES[xorb]) - 1))
    return term(xorb, start, draw(st.integers(start + 1, len(TABLES[xorb]))))


def view(table: XorbTable) -> bytes:
    raw, low = RAW[table.hash], table.offsets
    return b"".join(encode(raw[low[index] : low[index + 1]]) for index in range(len(table)))


def url(xorb: XetHash, start: int, end: int) -> str:
    return f"https://hub/{xorb}/{start}-{end}"


def chunks_of(data: bytes) -> list[bytes]:
    """The chunks in a piece of a view."""
    found = []
    while data:
        length = int.from_bytes(data[1:4], "little")
        found.append(data[8 : 8 + length])
        data = data[8 + length :]
    return found


def follow(answer: dict[str, Any], size: int) -> bytes:
    """What a client makes of an answer of version 2: fetch each range, pick each term's chunks, skip, cut."""
    held: dict[tuple[str, int], bytes] = {}
    for xorb, entries in answer["xorbs"].items():
        for entry in entries:
            (wanted,) = entry["ranges"]
            data = view(TABLES[XetHash.parse(xorb)])[wanted["bytes"]["start"] : wanted["bytes"]["end"] + 1]
            assert entry["url"] == url(XetHash.parse(xorb), wanted["chunks"]["start"], wanted["chunks"]["end"])
            found = chunks_of(data)
            assert len(found) == wanted["chunks"]["end"] - wanted["chunks"]["start"]
            held |= {(xorb, index): chunk for index, chunk in enumerate(found, wanted["chunks"]["start"])}
    made = bytearray()
    for entry in answer["terms"]:
        indexes = range(entry["range"]["start"], entry["range"]["end"])
        run = b"".join(held[entry["hash"], index] for index in indexes)
        assert len(run) == entry["unpacked_length"]
        made += run
    return bytes(made[answer["offset_into_first_range"] :][:size])


@given(st.lists(terms(), min_size=1, max_size=8), st.data())
def test_any_range_of_a_file_can_be_put_together(file: list[Term], data: st.DataObject) -> None:
    whole = b"".join(
        RAW[t.xorb][TABLES[t.xorb].offsets[t.chunk_start] : TABLES[t.xorb].offsets[t.chunk_end]] for t in file
    )
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start + 1, len(whole) + 10))
    assert follow(plan(file, TABLES, start, stop).v2(url), stop - start) == whole[start:stop]
    assert follow(plan(file, TABLES).v2(url), len(whole)) == whole


@given(st.lists(terms(), min_size=1, max_size=8), st.data())
def test_urls_cover_the_chunks_of_the_range_and_no_others(file: list[Term], data: st.DataObject) -> None:
    size = sum(t.nbytes for t in file)
    start = data.draw(st.integers(0, size - 1))
    made = plan(file, TABLES, start, data.draw(st.integers(start + 1, size)))
    needed = {(t.xorb, index) for t in made.terms for index in range(t.chunk_start, t.chunk_end)}
    covered = [(run.xorb, index) for run in made.runs for index in range(run.chunk_start, run.chunk_end)]
    assert len(covered) == len(set(covered))
    assert set(covered) == needed
    assert needed <= {(t.xorb, index) for t in file for index in range(t.chunk_start, t.chunk_end)}


@given(st.lists(terms(), min_size=1, max_size=8))
def test_runs_neither_touch_nor_overlap(file: list[Term]) -> None:
    by_xorb: dict[XetHash, list[Run]] = {}
    for run in plan(file, TABLES).runs:
        by_xorb.setdefault(run.xorb, []).append(run)
    for runs in by_xorb.values():
        assert all(low.chunk_end < high.chunk_start for low, high in pairwise(runs))


def test_range_inside_one_chunk_needs_that_chunk_alone() -> None:
    made = plan([term(A, 0, 8)], TABLES, 7, 9)
    assert made == Plan(1, (Term(A, 2, 3, 7),), (Run(A, 2, 3, 22, 37),))


def test_chunks_between_the_terms_of_a_file_are_left_out() -> None:
    made = plan([term(A, 0, 2), term(A, 4, 6), term(A, 6, 7)], TABLES)
    assert [(run.chunk_start, run.chunk_end) for run in made.runs] == [(0, 2), (4, 7)]


def test_answer_of_version_1() -> None:
    made = plan([term(B, 1, 3), term(A, 0, 1), term(B, 2, 4)], TABLES, 7)
    assert made.v1(url) == {
        "offset_into_first_range": 1,
        "terms": [
            {"hash": str(B), "unpacked_length": 6, "range": {"start": 2, "end": 3}},
            {"hash": str(A), "unpacked_length": 5, "range": {"start": 0, "end": 1}},
            {"hash": str(B), "unpacked_length": 12, "range": {"start": 2, "end": 4}},
        ],
        "fetch_info": {
            str(B): [{"range": {"start": 2, "end": 4}, "url": url(B, 2, 4), "url_range": {"start": 28, "end": 55}}],
            str(A): [{"range": {"start": 0, "end": 1}, "url": url(A, 0, 1), "url_range": {"start": 0, "end": 12}}],
        },
    }


def test_answer_of_version_2() -> None:
    made = plan([term(A, 0, 1), term(C, 0, 1), term(A, 3, 5)], TABLES)
    assert made.v2(url) == {
        "offset_into_first_range": 0,
        "terms": [
            {"hash": str(A), "unpacked_length": 5, "range": {"start": 0, "end": 1}},
            {"hash": str(C), "unpacked_length": 20, "range": {"start": 0, "end": 1}},
            {"hash": str(A), "unpacked_length": 12, "range": {"start": 3, "end": 5}},
        ],
        "xorbs": {
            str(A): [
                {"url": url(A, 0, 1), "ranges": [{"chunks": {"start": 0, "end": 1}, "bytes": {"start": 0, "end": 12}}]},
                {
                    "url": url(A, 3, 5),
                    "ranges": [{"chunks": {"start": 3, "end": 5}, "bytes": {"start": 37, "end": 64}}],
                },
            ],
            str(C): [
                {"url": url(C, 0, 1), "ranges": [{"chunks": {"start": 0, "end": 1}, "bytes": {"start": 0, "end": 27}}]}
            ],
        },
    }


@pytest.mark.parametrize("ask", [lambda made: made.v1(url), lambda made: made.v2(url)])
def test_empty_file_has_an_answer_without_terms(ask: Callable[[Plan], dict[str, Any]]) -> None:
    for stop in (None, 0, 100):
        answer = ask(plan([], {}, 0, stop))
        assert answer["offset_into_first_range"] == 0
        assert not answer["terms"]


@pytest.mark.parametrize(("start", "stop"), [(12, 20), (13, None), (100, 200), (5, 5), (6, 5), (-1, 5), (0, 0)])
def test_range_past_the_end_or_of_nothing_is_invalid(start: int, stop: int | None) -> None:
    with pytest.raises(Invalid):
        plan([term(B, 0, 2)], TABLES, start, stop)


def test_range_past_the_end_of_an_empty_file_is_invalid() -> None:
    with pytest.raises(Invalid):
        plan([], {}, 1)
