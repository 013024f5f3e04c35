"""safetensors: the length of the header (8 bytes, little endian), the header in JSON, the tensors' bytes without gaps.

Source: https://huggingface.co/docs/safetensors#format. What is valid is what the reference implementation (Rust,
release 0.8) takes, except that a dtype which is not known yet is taken with the offsets that the header gives it, and
that duplicate names, and objects inside a tensor's description, are refused.

The header is cut into its members before JSON is parsed, because building all of a hostile 100 MB header at once would
take gigabytes (an empty JSON list of three bytes costs 64 in Python).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from math import prod
from typing import Final

from tukar.formats import strict_json
from tukar.formats.bounds import MAX_DIMENSIONS, MAX_NAME, MAX_TENSORS
from tukar.types import ByteSource, Layout, TensorInfo

MAX_HEADER: Final = 100_000_000
"""Bytes of the header, as in the reference implementation."""

MAX_METADATA: Final = 1 << 20
"""Bytes of ``__metadata__`` that are kept; a longer one is left out (trainers write whole tag statistics into it)."""

MAX_MEMBER: Final = 2048
"""Bytes of what the header says of one tensor; with six dimensions it is under 200."""

BITS: Final = {
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Bits per element of every dtype of release 0.8."""

# Possessive (``*+``, ``++``), so that a match takes linear time and constant memory on any input.
_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT_OBJECT = rb'\{(?:[^"{}]++|' + _STRING + rb")*+\}"
_START = re.compile(_SPACE + rb"\{" + _SPACE + rb"(\}?)")
_MEMBER = re.compile(_SPACE + rb"(%b)%b:%b(%b)%b([,}])" % (_STRING, _SPACE, _SPACE, _FLAT_OBJECT, _SPACE), re.DOTALL)
_END = re.compile(_SPACE)


def nbytes(dtype: str, shape: tuple[int, ...]) -> int:
    """How many bytes a tensor takes; KeyError for a dtype that is not known."""
    return prod(shape) * BITS[dtype] // 8


def safetensors_header(
    shapes: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The first bytes of a file, up to the tensors' data, which follow in the same order.

    Args:
        shapes: each tensor's name with its dtype and shape.
    """
    stops = list(accumulate(nbytes(*kind) for kind in shapes.values()))
    header: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    for (name, (dtype, shape)), start, stop in zip(shapes.items(), [0, *stops], stops, strict=False):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


class Safetensors:
    """The safetensors format. A shard of a larger model is such a file like any other."""

    name = "safetensors"

    def open(self, file: ByteSource) -> Layout | None:
        """The tensors by their place in the file, and ``__metadata__``; None if ``file`` is not valid safetensors."""
        length = _header_length(file)
        if length is None:
            return None
        try:
            tensors, metadata = _parse(file.read(8, 8 + length))
            _check_contiguous(tensors, 8 + length, file.size)
        except ValueError:
            return None
        return Layout(self.name, tuple(tensors), metadata)


def expected_size(file: ByteSource) -> int | None:
    """How many bytes the header says that a file has; None without a header that can be read."""
    length = _header_length(file)
    if length is None:
        return None
    try:
        tensors, _ = _parse(file.read(8, 8 + length))
    except ValueError:
        return None
    return max((tensor.stop for tensor in tensors), default=8 + length)


def _header_length(file: ByteSource) -> int | None:
    if file.size < 10:
        return None
    length = int.from_bytes(file.read(0, 8), "little")
    return length if 2 <= length <= min(MAX_HEADER, file.size - 8) else None


def _parse(header: bytes) -> tuple[list[TensorInfo], dict[str, object]]:
    """The tensors by ascending start, and the metadata; ValueError where the reference implementation refuses."""
    tensors: dict[str, TensorInfo] = {}
    metadata: dict[str, object] | None = None
    for name, text in _members(header):
        if name == "__metadata__" and metadata is None:
            metadata = _metadata(text) if len(text) <= MAX_METADATA else {}
        elif name in tensors or name == "__metadata__" or len(tensors) == MAX_TENSORS:
            raise ValueError("a name occurs twice, or there are too many")
        else:
            tensors[name] = _tensor(name, text, 8 + len(header))
    return sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.stop)), metadata or {}


def _members(header: bytes) -> Iterator[tuple[str, bytes]]:
    """The name and the text of every member of the header; ValueError if that is not an object of flat objects."""
    start = _START.match(header)
    if start is None:
        raise ValueError("not an object")
    at, last = start.end(), bool(start[1])
    while not last:
        member = _MEMBER.match(header, at)
        if member is None or len(member[1]) > MAX_NAME + 2:
            raise ValueError("not a member of a flat object, or a name that is too long")
        yield strict_json.text(strict_json.parse(member[1])), member[2]
        at, last = member.end(), member[3] == b"}"
    if _END.fullmatch(header, at) is None:
        raise ValueError("something follows the object")


def _tensor(name: str, text: bytes, origin: int) -> TensorInfo:
    """One tensor from its member; ``origin`` is where the tensors' bytes begin in the file."""
    if len(text) > MAX_MEMBER:
        raise ValueError("a member is too long")
    match strict_json.parse(text):
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end]}:
            numbers = (*shape, begin, end)
        case _:
            raise ValueError("not a tensor's description")
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError("too many dimensions")
    if not all(type(number) is int and 0 <= number < 1 << 63 for number in numbers) or begin > end:
        raise ValueError("a dimension or an offset is not an integer in range")
    bits = BITS.get(dtype)
    if bits is not None and prod(shape) * bits != (end - begin) * 8:
        raise ValueError("the offsets do not fit the shape")
    return TensorInfo(name, strict_json.text(dtype), tuple(shape), origin + begin, origin + end)


def _metadata(text: bytes) -> dict[str, object]:
    members = strict_json.parse(text)
    if not isinstance(members, dict):
        raise ValueError("not an object")
    return {strict_json.text(key): strict_json.text(value) for key, value in members.items()}


def _check_contiguous(tensors: list[TensorInfo], start: int, stop: int) -> None:
    """ValueError unless the tensors follow on each other from ``start`` to ``stop``."""
    at = start
    for tensor in tensors:
        if tensor.start != at:
            raise ValueError("the tensors overlap or leave a gap")
        at = tensor.stop
    if at != stop:
        raise ValueError("the tensors do not end where the file ends")
