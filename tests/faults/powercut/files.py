"""The content of one file through time: what was written, what was synced, and what a cut can leave of the rest."""

from __future__ import annotations

from bisect import bisect_left
from random import Random
from typing import NamedTuple

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""

_MOST_RUNS = 64


class Change(NamedTuple):
    """A change of a file's content.

    Attributes:
        offset: where ``data`` goes.
        data: the bytes written, or None for a change of size alone.
        size: of the file after the change.
    """

    offset: int
    data: memoryview | None
    size: int


class File:
    """A regular file, whatever its names.

    Args:
        content: what it had, durable, when the recording began.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.size = len(content)
        self._initial = content
        self._changes: list[Change] = []
        self._times: list[int] = []  # of the changes
        self._syncs: list[int] = []
        self._synced = bytearray(content)  # after the first `_applied` changes: cuts mostly go forward
        self._applied = 0

    def write(self, time: int, offset: int, data: memoryview) -> bool:
        """Note a write at ``time``; whether it changes anything."""
        self._note(time, Change(offset, data, max(self.size, offset + len(data))))
        return True

    def resize(self, time: int, size: int) -> bool:
        """Note a truncation or extension at ``time``; whether it changes anything."""
        if size == self.size:
            return False
        self._note(time, Change(size, None, size))
        return True

    def sync(self, time: int) -> bool:
        """Note an fsync at ``time``; whether there was anything to sync."""
        pending = bool(self._times) and (not self._syncs or self._times[-1] > self._syncs[-1])
        self._syncs.append(time)
        return pending

    def synced(self, cut: int) -> bytearray:
        """The content as of the last fsync before event ``cut``. Not to be changed."""
        count = self._durable(cut)
        if count < self._applied:
            self._synced, self._applied = bytearray(self._initial), 0
        for change in self._changes[self._applied : count]:
            apply(self._synced, change)
        self._applied = count
        return self._synced

    def newest(self, cut: int) -> bytearray:
        """The content as the program saw it before event ``cut``."""
        content = bytearray(self.synced(cut))
        for change in self._pending(cut):
            apply(content, change)
        return content

    def torn(self, cut: int, random: Random) -> bytearray:
        """A content that a power cut before event ``cut`` may leave: some of the unsynced changes, whole or in part."""
        content, pending = bytearray(self.synced(cut)), self._pending(cut)
        if not pending:
            return content
        return random.choice((_in_order, _scattered, _scattered))(content, pending, random)

    def _note(self, time: int, change: Change) -> None:
        self._changes.append(change)
        self._times.append(time)
        self.size = change.size

    def _durable(self, cut: int) -> int:
        syncs = bisect_left(self._syncs, cut)
        return bisect_left(self._times, self._syncs[syncs - 1]) if syncs else 0

    def _pending(self, cut: int) -> list[Change]:
        return self._changes[self._durable(cut) : bisect_left(self._times, cut)]


def apply(content: bytearray, change: Change) -> None:
    """Carry a change out, as the page cache does."""
    if change.data is None:
        resize(content, change.size)
        return
    resize(content, max(len(content), change.offset))
    content[change.offset : change.offset + len(change.data)] = change.data


def resize(content: bytearray, size: int) -> None:
    """Cut off, or fill up with zeros."""
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _in_order(content: bytearray, pending: list[Change], random: Random) -> bytearray:
    """The changes reached the disk in their order, up to somewhere within one of them."""
    whole = random.randrange(len(pending) + 1)
    for change in pending[:whole]:
        apply(content, change)
    if whole < len(pending) and (data := pending[whole].data) is not None:
        offset = pending[whole].offset
        end = (offset + random.randrange(len(data) + 1)) // SECTOR * SECTOR
        if end > offset:
            apply(content, Change(offset, data[: end - offset], end))
    return content


def _scattered(content: bytearray, pending: list[Change], random: Random) -> bytearray:
    """Every sector is as after some of the changes that touch it, in their order; so, for itself, is the size.

    A sector holds what the page cache held when it went to the disk, so once a change has missed it, later ones do too.
    What a truncation cuts off is gone if the size is one since.
    """
    resized = random.randrange(len(pending) + 1)
    size = pending[resized - 1].size if resized else len(content)
    likely = random.choice((0.0, 0.1, 0.5, 0.9))
    missed: set[int] = set()
    for number, change in enumerate(pending):
        if change.data is None:
            if number < resized:
                resize(content, change.size)
            continue
        for first, after in _runs(change, random):
            if random.random() < likely:
                _apply_run(content, change, first, after, missed)
            else:
                missed.update(range(first, after))
    resize(content, size)
    return content


def _runs(change: Change, random: Random) -> list[tuple[int, int]]:
    """The sectors of a write, one by one, or for a large one in runs at random borders."""
    assert change.data is not None
    first, after = change.offset // SECTOR, (change.offset + len(change.data) - 1) // SECTOR + 1
    inner = range(first + 1, after)
    borders = inner if len(inner) < _MOST_RUNS else sorted(random.sample(inner, _MOST_RUNS - 1))
    starts = [first, *borders]
    return list(zip(starts, [*starts[1:], after], strict=True))


def _apply_run(content: bytearray, change: Change, first: int, after: int, missed: set[int]) -> None:
    """Carry out what a write does to some sectors, but not to those that were missed before."""
    assert change.data is not None
    pieces = [(first, after)] if missed.isdisjoint(range(first, after)) else [(n, n + 1) for n in range(first, after)]
    end = change.offset + len(change.data)
    for low, high in pieces:
        if low not in missed:
            start, stop = max(low * SECTOR, change.offset), min(high * SECTOR, end)
            part = change.data[start - change.offset : stop - change.offset]
            apply(content, Change(start, part, max(len(content), stop)))
