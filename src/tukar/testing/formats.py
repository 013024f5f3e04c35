"""The suite that every weight file format passes.

Subclass ``FormatContract`` in a test module and say which format it is, with files that it must accept::

    class TestNpy(FormatContract):
        format = Npy()
        samples = (a_small_file, a_file_without_tensors)
        huge = SparseSource(header_of_a_terabyte, size)
"""

# ruff: noqa: D102 - a test's name says what it promises
from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from itertools import takewhile
from typing import ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tukar.formats import FORMATS, cut
from tukar.formats.base import Format
from tukar.objects.sources import BytesSource
from tukar.testing.sources import CountingSource, SparseSource
from tukar.types import Layout

ENOUGH = 1 << 20
"""Bytes that a format may read of a file beyond its header: windows, but never whole tensors."""

MEMORY = 64 << 20
"""Bytes that parsing a small file may take, whatever the file claims."""

_contract = settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)


class FormatContract:
    """What ``tukar.formats.base.Format`` promises, as tests.

    Attributes:
        format: the format under test.
        samples: small valid files, of every kind that the format knows.
        huge: a valid file of a terabyte or more: its header, and zeros.
    """

    format: ClassVar[Format]
    samples: ClassVar[Sequence[bytes]]
    huge: ClassVar[SparseSource]

    def test_its_name_is_its_own(self) -> None:
        others = [other for other in FORMATS if type(other) is not type(self.format)]
        assert self.format.name.isidentifier()
        assert self.format.name not in {other.name for other in others}

    # Valid files

    def test_samples_are_accepted(self) -> None:
        for sample in self.samples:
            layout = self.format.open(BytesSource(sample))
            assert layout is not None
            assert layout.format == self.format.name
            check_layout(layout, sample)

    def test_no_format_before_it_takes_its_files(self) -> None:
        others = list(takewhile(lambda form: type(form) is not type(self.format), FORMATS[:-1]))
        for sample in self.samples:
            assert [form.name for form in others if form.open(BytesSource(sample)) is not None] == []

    def test_a_huge_file_is_accepted_and_its_tensors_are_not_read(self) -> None:
        source = CountingSource(self.huge)
        layout = self.format.open(source)
        assert source.size >= 1 << 40
        assert layout is not None
        first = min((tensor.start for tensor in layout.tensors), default=source.size)
        assert source.total <= min(first, 128 << 20) + ENOUGH

    # Anything else

    @_contract
    @given(data=st.data())
    def test_a_changed_file_is_refused_or_read_as_what_it_now_says(self, data: st.DataObject) -> None:
        self._check(data.draw(st.sampled_from(self.samples).flatmap(_changed)))

    def test_every_truncation_is_refused_or_read_as_what_it_now_says(self) -> None:
        for sample in self.samples:
            for length in _lengths(sample):
                self._check(sample[:length])

    def test_wild_numbers_are_refused_or_read_as_what_they_say(self) -> None:
        for sample in self.samples:
            for at in range(min(len(sample), 80)):
                for number in _NUMBERS:
                    self._check(sample[:at] + number + sample[at + 8 :])

    @_contract
    @given(garbage=st.binary(max_size=300))
    def test_garbage_is_refused_or_read_as_what_it_says(self, garbage: bytes) -> None:
        self._check(garbage)

    def _check(self, file: bytes) -> None:
        tracemalloc.start()
        try:
            layout = self.format.open(CountingSource(BytesSource(file)))  # which refuses reads outside of the file
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= MEMORY
        if layout is not None:
            check_layout(layout, file)


def check_layout(layout: Layout, file: bytes) -> None:
    """Assert that a layout fits a file: the pieces make up the file, the tensors lie in it without overlap."""
    pieces = list(cut(layout, len(file)))
    assert all(piece.start < piece.stop for piece in pieces)
    assert b"".join(file[piece.start : piece.stop] for piece in pieces) == file
    assert [piece.tensor for piece in pieces if piece.tensor] == [tensor for tensor in layout.tensors if tensor.nbytes]
    assert all(dimension >= 0 for tensor in layout.tensors for dimension in tensor.shape)
    assert len({tensor.name for tensor in layout.tensors}) == len(layout.tensors)
    json.dumps([dict(layout.metadata), [tensor.name for tensor in layout.tensors]], allow_nan=False).encode()


def _lengths(sample: bytes) -> list[int]:
    """All lengths up to 300 bytes, and a hundred from there to the whole."""
    return sorted({*range(min(len(sample), 300)), *range(0, len(sample), max(1, len(sample) // 100))})


@st.composite
def _changed(draw: st.DrawFn, file: bytes) -> bytes:
    """``file`` with one to three changes, most of them near its start, where headers are."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(len(file), draw(st.sampled_from((16, 600, 1 << 20))))))
        patch = draw(st.one_of(st.binary(max_size=9), st.sampled_from(_PATCHES)))
        removed = draw(st.sampled_from((0, len(patch), len(patch), 8)))
        file = file[:at] + patch + file[at + removed :]
    return file


_NUMBERS = (b"\xff" * 8, b"\xff" * 7 + b"\x7f", (1 << 31).to_bytes(8, "little"), bytes(8))
_PATCHES = (*_NUMBERS, b"[" * 2000, b'{"a":' * 500, b"9" * 400, b'"', b"-1", b"1e9")
