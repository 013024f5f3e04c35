"""GGUF, versions 2 and 3, little endian: metadata, a description of every tensor, padding, the tensors' bytes.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and gguf.cpp of llama.cpp where they differ.
Version 1 and big-endian files are opaque content, as llama.cpp on a PC does not read them either.

The header is read through a window of 256 KiB. Of the metadata, arrays of more than 64 elements and strings of more
than 64 KiB are stepped over and summarised: a vocabulary is ``{"array": "STRING", "length": 49152}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, prod
from struct import Struct
from typing import Final

from tukar.formats.bounds import MAX_DIMENSIONS, MAX_NAME, MAX_TENSORS
from tukar.formats.ggml import GgmlType, ggml_type
from tukar.types import ByteSource, Layout, TensorInfo

MAX_HEADER: Final = 128 << 20
"""Bytes of the header that are looked at; a vocabulary of 262,144 words with its merges takes about 16 MiB."""

MAX_STEPS: Final = 2_000_000
"""Metadata values and array elements that are stepped through one by one: the bound on time."""

MAX_KEPT: Final = 8 << 20
"""Bytes of metadata that are kept."""

MAX_TEXT: Final = 64 << 10
"""Bytes of a metadata string that is kept; chat templates take up to about 20 KiB."""

MAX_ARRAY: Final = 64
"""Elements of a metadata array that is kept."""

MAX_DEPTH: Final = 4
"""Arrays in arrays. The specification allows them; llama.cpp reads none."""

WINDOW: Final = 256 << 10

_U32 = Struct("<I")
_U64 = Struct("<Q")
_BOOL, _STRING, _ARRAY = 7, 8, 9
_KINDS: Final = {
    0: ("UINT8", Struct("<B")),
    1: ("INT8", Struct("<b")),
    2: ("UINT16", Struct("<H")),
    3: ("INT16", Struct("<h")),
    4: ("UINT32", _U32),
    5: ("INT32", Struct("<i")),
    6: ("FLOAT32", Struct("<f")),
    _BOOL: ("BOOL", Struct("<?")),
    10: ("UINT64", _U64),
    11: ("INT64", Struct("<q")),
    12: ("FLOAT64", Struct("<d")),
}
_NAMES: Final = {_STRING: "STRING", _ARRAY: "ARRAY", **{number: name for number, (name, _) in _KINDS.items()}}


class Gguf:
    """The GGUF format. Shapes are given outermost dimension first: the reverse of ``ne``, the order in the file."""

    name = "gguf"

    def open(self, file: ByteSource) -> Layout | None:
        """The tensors by their place in the file, and the metadata; None if ``file`` is not well-formed GGUF.

        A tensor of a type whose block size is not known reaches to the next tensor, or to the end of the file.
        """
        if file.size < 24 or file.read(0, 4) != b"GGUF":
            return None
        try:
            tensors, metadata = _parse(_Cursor(file, 4), file.size)
        except ValueError:
            return None
        return Layout(self.name, tensors, metadata)


class _Cursor:
    """Reads a header from front to back. ValueError past its end, and where a bound is exceeded."""

    def __init__(self, file: ByteSource, at: int) -> None:
        self.at = at
        self._file = file
        self._end = min(file.size, MAX_HEADER)
        self._window = b""
        self._window_start = at
        self._steps = MAX_STEPS
        self._room = MAX_KEPT

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; the callers bound ``count``."""
        self._need(count)
        start = self.at - self._window_start
        self.at += count
        return self._window[start : start + count]

    def number(self, kind: Struct) -> int | float | bool:
        value: int | float | bool = kind.unpack(self.take(kind.size))[0]
        return value

    def unsigned(self, kind: Struct, most: int) -> int:
        """A ``_U32`` or ``_U64`` that is at most ``most``."""
        value = int(self.number(kind))
        if value > most:
            raise ValueError(f"{value} is more than {most}")
        return value

    def name(self, longest: int) -> str:
        """A string that must be UTF-8 and not longer than ``longest`` bytes."""
        return self.take(self.unsigned(_U64, longest)).decode()

    def skip(self, count: int) -> None:
        """Step over ``count`` bytes."""
        self.at += count
        self._check_end(self.at)

    def skip_strings(self, count: int) -> None:
        """Step over ``count`` strings: a loop of its own, because vocabularies have hundreds of thousands."""
        for _ in range(count):
            self._need(8)
            self.at += 8 + _U64.unpack_from(self._window, self.at - self._window_start)[0]
        self._check_end(self.at)

    def step(self, count: int) -> None:
        """Account for ``count`` values that are about to be stepped through one by one."""
        self._steps -= count
        if self._steps < 0:
            raise ValueError("too many values")

    def keep(self, count: int) -> None:
        """Account for ``count`` bytes that are about to be kept."""
        self._room -= count
        if self._room < 0:
            raise ValueError("too much metadata")

    def _need(self, count: int) -> None:
        stop = self.at + count
        if stop <= self._window_start + len(self._window):
            return
        self._check_end(stop)
        self._window_start = self.at
        self._window = self._file.read(self.at, min(self.at + max(count, WINDOW), self._end))

    def _check_end(self, stop: int) -> None:
        if stop > self._end:
            raise ValueError("the header does not end")


def _parse(cursor: _Cursor, size: int) -> tuple[tuple[TensorInfo, ...], dict[str, object]]:
    if cursor.number(_U32) not in (2, 3):
        raise ValueError("not version 2 or 3")
    tensor_count = cursor.unsigned(_U64, MAX_TENSORS)
    metadata, alignment = _metadata(cursor, cursor.unsigned(_U64, MAX_STEPS))
    claims = [_claim(cursor) for _ in range(tensor_count)]
    if len({claim.name for claim in claims}) != tensor_count:
        raise ValueError("a tensor's name occurs twice")
    return _place(claims, cursor.at + -cursor.at % alignment, size, alignment), metadata


def _metadata(cursor: _Cursor, count: int) -> tuple[dict[str, object], int]:
    """The metadata, and the alignment that they set (32 bytes if they do not)."""
    metadata: dict[str, object] = {}
    alignment = 32
    for _ in range(count):
        key = cursor.name(MAX_TEXT)
        cursor.keep(64 + len(key))
        kind = cursor.unsigned(_U32, 12)
        value = _value(cursor, kind, 0)
        if not key or key in metadata:
            raise ValueError("a key is empty or occurs twice")
        if key == "general.alignment":
            alignment = _alignment(kind, value)
        metadata[key] = value
    return metadata, alignment


def _alignment(kind: int, value: object) -> int:
    if _NAMES[kind] != "UINT32" or not isinstance(value, int) or value.bit_count() != 1:
        raise ValueError("the alignment is not a power of two")
    return value


def _value(cursor: _Cursor, kind: int, depth: int) -> object:
    """One metadata value as plain JSON types."""
    cursor.step(1)
    if kind == _ARRAY:
        return _array(cursor, depth)
    if kind == _STRING:
        return _string(cursor)
    cursor.keep(32)
    value = cursor.number(_KINDS[kind][1])
    return value if isfinite(value) else str(value)  # JSON has no infinity and no NaN


def _string(cursor: _Cursor) -> object:
    length = cursor.unsigned(_U64, MAX_HEADER)
    if length > MAX_TEXT:
        cursor.skip(length)
        return {"string": "UTF-8", "length": length}
    cursor.keep(64 + length)
    return cursor.take(length).decode(errors="replace")


def _array(cursor: _Cursor, depth: int) -> object:
    kind, length = cursor.unsigned(_U32, 12), cursor.unsigned(_U64, MAX_HEADER)
    if depth == MAX_DEPTH:
        raise ValueError("arrays are nested too deeply")
    cursor.keep(64)
    if length <= MAX_ARRAY:
        return [_value(cursor, kind, depth + 1) for _ in range(length)]
    _skip_elements(cursor, kind, length, depth + 1)
    return {"array": _NAMES[kind], "length": length}


def _skip_elements(cursor: _Cursor, kind: int, count: int, depth: int) -> None:
    if kind in _KINDS:
        cursor.skip(count * _KINDS[kind][1].size)
        return
    if kind == _STRING:
        cursor.step(count)
        cursor.skip_strings(count)
        return
    cursor.step(8 * count)  # an array takes about eight times as long as a string
    if depth == MAX_DEPTH:
        raise ValueError("arrays are nested too deeply")
    for _ in range(count):
        _skip_elements(cursor, cursor.unsigned(_U32, 12), cursor.unsigned(_U64, MAX_HEADER), depth + 1)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the header says of a tensor. ``offset`` counts from the start of the data; ``length`` None: not known."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int | None


def _claim(cursor: _Cursor) -> _Claim:
    name = cursor.name(MAX_NAME)
    ne = [cursor.unsigned(_U64, (1 << 63) - 1) for _ in range(cursor.unsigned(_U32, MAX_DIMENSIONS))]
    kind = ggml_type(cursor.unsigned(_U32, (1 << 32) - 1))
    offset = cursor.unsigned(_U64, (1 << 63) - 1)
    return _Claim(name, kind.name, tuple(reversed(ne)), offset, _length(kind, ne))


def _length(kind: GgmlType, ne: list[int]) -> int | None:
    """The bytes of a tensor of ``ne`` elements, innermost dimension first; None if the block size is not known."""
    if not kind.elements:
        return None
    if (ne[0] if ne else 1) % kind.elements:
        raise ValueError("a row is not a whole number of blocks")
    return prod(ne) // kind.elements * kind.nbytes


def _place(claims: list[_Claim], origin: int, size: int, alignment: int) -> tuple[TensorInfo, ...]:
    """The tensors by ascending start, in a file of ``size`` bytes whose data begin at ``origin``."""
    claims.sort(key=lambda claim: (claim.offset, claim.length or 0))
    limits = [*(claim.offset for claim in claims[1:]), size - origin]
    tensors = []
    for claim, limit in zip(claims, limits, strict=False):
        length = limit - claim.offset if claim.length is None else claim.length
        if claim.offset % alignment or not 0 <= length <= limit - claim.offset:
            raise ValueError("a tensor is not aligned, overlaps the next or leaves the file")
        start = origin + claim.offset
        tensors.append(TensorInfo(claim.name, claim.dtype, claim.shape, start, start + length))
    return tuple(tensors)
