"""How to put a file together: the answer to a client that wants to download it.

A client gets the file's terms, and for every xorb that they name, URLs to byte ranges of the xorb's view. A xorb may
hold chunks of other files, which the reader of this one need not be allowed to read. Each URL is therefore for one run
of chunks that this file's terms cover without a gap, and for one byte range, so that it can be signed for just that.

Source: the Xet protocol specification, "Download Protocol" (https://huggingface.co/docs/xet/download-protocol), and
xet-core (cas_types) for version 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from tukar.errors import Invalid
from tukar.xet.hashes import XetHash
from tukar.xet.shards import Term
from tukar.xet.tables import XorbTable

UrlFor = Callable[[XetHash, int, int], str]
"""From a xorb and a run of its chunks (start, and end exclusive) to the URL where just these can be fetched."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of chunks of one xorb, and where it lies in the xorb's view.

    Attributes:
        xorb: the xorb.
        chunk_start: its first chunk.
        chunk_end: the chunk after its last one.
        start: where it begins in the view, in bytes.
        stop: where it ends in the view, exclusive.
    """

    xorb: XetHash
    chunk_start: int
    chunk_end: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How to put together a range of a file.

    Attributes:
        skip: how many bytes of the first term come before the range.
        terms: the runs of the file that the range touches, in file order, cut down to the chunks that it touches.
        runs: what to fetch: by xorb in the order of their first use, then by chunk; no two touch or overlap.
    """

    skip: int
    terms: tuple[Term, ...]
    runs: tuple[Run, ...]

    def v1(self, url_for: UrlFor) -> dict[str, Any]:
        """The body of ``GET /v1/reconstructions/{file}``, as plain JSON types."""
        return self._body("fetch_info", url_for, _fetch_info)

    def v2(self, url_for: UrlFor) -> dict[str, Any]:
        """The body of ``GET /v2/reconstructions/{file}``, as plain JSON types."""
        return self._body("xorbs", url_for, _multi_range)

    def _body(self, key: str, url_for: UrlFor, entry: Callable[[Run, str], dict[str, Any]]) -> dict[str, Any]:
        entries: dict[str, list[dict[str, Any]]] = {}
        for run in self.runs:
            url = url_for(run.xorb, run.chunk_start, run.chunk_end)
            entries.setdefault(str(run.xorb), []).append(entry(run, url))
        return {"offset_into_first_range": self.skip, "terms": [_term(term) for term in self.terms], key: entries}


def plan(terms: Sequence[Term], tables: Mapping[XetHash, XorbTable], start: int = 0, stop: int | None = None) -> Plan:
    """How to put together the bytes ``start`` to ``stop`` (exclusive; default: the end) of a file.

    ``terms`` are the file's, as ``verify_file`` has found them right; ``tables`` has every xorb that they name. A range
    that goes past the end of the file is cut there. Invalid if it is empty or begins at or past the end, except that an
    empty file has a plan without terms.
    """
    ends = list(accumulate((term.nbytes for term in terms), initial=0))
    size = ends[-1]
    stop = size if stop is None else min(stop, size)
    if not terms and start == 0:
        return Plan(0, (), ())
    if not 0 <= start < stop:
        raise Invalid(f"no bytes from {start} on to {stop} in a file of {size} bytes")
    touched = [(term, at) for term, at in zip(terms, ends, strict=False) if at < stop and at + term.nbytes > start]
    cut = tuple(_cut(term, tables[term.xorb], start - at, stop - at) for term, at in touched)
    first, at = touched[0]
    offsets = tables[first.xorb].offsets
    begins = at + offsets[cut[0].chunk_start] - offsets[first.chunk_start]
    return Plan(start - begins, cut, tuple(_runs(cut, tables)))


def _cut(term: Term, table: XorbTable, start: int, stop: int) -> Term:
    """``term`` without the chunks at its ends that lie outside its bytes ``start`` to ``stop``."""
    offsets = table.offsets
    base = offsets[term.chunk_start]
    first, end = term.chunk_start, term.chunk_end
    while offsets[first + 1] - base <= start:
        first += 1
    while offsets[end - 1] - base >= stop:
        end -= 1
    return replace(term, chunk_start=first, chunk_end=end, nbytes=offsets[end] - offsets[first])


def _runs(terms: Iterable[Term], tables: Mapping[XetHash, XorbTable]) -> Iterator[Run]:
    spans: dict[XetHash, list[tuple[int, int]]] = {}
    for term in terms:
        spans.setdefault(term.xorb, []).append((term.chunk_start, term.chunk_end))
    for xorb, found in spans.items():
        for start, end in _merged(found):
            yield Run(xorb, start, end, tables[xorb].offset(start), tables[xorb].offset(end))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of the spans as few spans: those that overlap or touch become one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _term(term: Term) -> dict[str, Any]:
    chunks = {"start": term.chunk_start, "end": term.chunk_end}
    return {"hash": str(term.xorb), "unpacked_length": term.nbytes, "range": chunks}


def _fetch_info(run: Run, url: str) -> dict[str, Any]:
    return {"range": _chunks(run), "url": url, "url_range": _bytes(run)}


def _multi_range(run: Run, url: str) -> dict[str, Any]:
    return {"url": url, "ranges": [{"chunks": _chunks(run), "bytes": _bytes(run)}]}


def _chunks(run: Run) -> dict[str, int]:
    return {"start": run.chunk_start, "end": run.chunk_end}


def _bytes(run: Run) -> dict[str, int]:
    return {"start": run.start, "end": run.stop - 1}  # the protocol's byte ranges include their end, as in HTTP
