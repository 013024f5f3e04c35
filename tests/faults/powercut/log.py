"""What the recorder wrote: one event for each call, in the order in which they took place. See recorder.c."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_RECORD = struct.Struct("<IHHHHIQQ")


class Operation(IntEnum):
    """The same numbers as in recorder.c."""

    OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    EXTEND = 4
    SYNC = 5
    SYNC_ALL = 6
    RENAME = 7
    EXCHANGE = 8
    LINK = 9
    UNLINK = 10
    RMDIR = 11
    MKDIR = 12
    SYMLINK = 13
    MARKER = 14
    VOID = 15


class Event(NamedTuple):
    """One call that took place.

    Attributes:
        handle: the open file description that it went through, or 0.
        offset: of the data written; the new size; or the flags of an open.
        path: relative to the root, which is "" itself; the text of a marker.
        other: a second path.
        data: what was written, or the text of a symbolic link.
    """

    operation: Operation
    handle: int
    offset: int
    path: str
    other: str
    data: memoryview


def events(log: bytes) -> Iterator[Event]:
    """The events of a log; ValueError if it is cut off."""
    view, start = memoryview(log), 0
    while start < len(view):
        size, operation, path_size, other_size, _, data_size, handle, offset = _RECORD.unpack_from(view, start)
        path = start + _RECORD.size
        other = path + path_size
        data = other + other_size
        end = data + data_size
        if end != start + size or end > len(view):
            raise ValueError(f"the log is damaged at byte {start}")
        yield Event(
            Operation(operation), handle, offset, _text(view[path:other]), _text(view[other:data]), view[data:end]
        )
        start = end


def _text(data: memoryview) -> str:
    return bytes(data).decode(errors="surrogateescape")
