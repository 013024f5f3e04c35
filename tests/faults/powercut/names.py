"""The names of files and folders through time, and which of them a cut can leave.

A name is durable once its folder was fsynced. Until then it may be as after any of the changes since, like on a
journalled file system: a change is carried out whole or not at all, with both names of a rename, and never before an
earlier change of one of its names. A rename is durable with the folder that it goes *to*.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

Name = tuple[int, str]
"""A name in a folder, which is known by its number."""

NEVER = 1 << 62


@dataclass(slots=True)
class NameChange:
    """One change of one or more names.

    Attributes:
        time: the number of its event.
        names: each name that changes and what it means from then on: the number of a file or folder, or None.
        waits_for: folders that must be synced until it is durable.
        after: the last changes, at its time, of the same names.
        durable: the number of the event that made it durable.
    """

    time: int
    names: dict[Name, int | None]
    waits_for: set[int]
    after: list[NameChange]
    durable: int = NEVER


@dataclass(slots=True)
class Names:
    """All names below the root.

    Attributes:
        now: what each name means at the end of what has been noted so far.
    """

    now: dict[Name, int] = field(default_factory=dict)
    _initial: dict[Name, int] = field(default_factory=dict)
    _changes: list[NameChange] = field(default_factory=list)
    _times: list[int] = field(default_factory=list)
    _last: dict[Name, NameChange] = field(default_factory=dict)
    _waiting: dict[int, list[NameChange]] = field(default_factory=dict)

    def begin(self, names: dict[Name, int]) -> None:
        """Take ``names`` for durable since ever."""
        self._initial, self.now = dict(names), dict(names)

    def change(self, time: int, names: dict[Name, int | None], waits_for: Iterable[int]) -> None:
        """Note a change at ``time`` that is durable once the folders ``waits_for`` have been synced."""
        after = [self._last[name] for name in names if name in self._last]
        change = NameChange(time, names, set(waits_for), after)
        self._changes.append(change)
        self._times.append(time)
        for folder in change.waits_for:
            self._waiting.setdefault(folder, []).append(change)
        for name in names:
            self._last[name] = change
        _carry_out(self.now, change)

    def sync(self, time: int, folder: int) -> bool:
        """Note an fsync of a folder at ``time``; whether there was anything to sync."""
        waiting = self._waiting.pop(folder, [])
        for change in waiting:
            change.waits_for.discard(folder)
            if not change.waits_for:
                _make_durable(change, time)
        return bool(waiting)

    def synced(self, cut: int) -> dict[Name, int]:
        """What is durable before event ``cut``."""
        return self._after(change for change in self._before(cut) if change.durable < cut)

    def newest(self, cut: int) -> dict[Name, int]:
        """The names as the program saw them before event ``cut``."""
        return self._after(self._before(cut))

    def torn(self, cut: int, random: Random) -> dict[Name, int]:
        """Names that a power cut before event ``cut`` may leave: what is durable, and some of the changes since."""
        changes = self._before(cut)
        pending = [change for change in changes if change.durable >= cut]
        if random.random() < 0.5:
            lost = _lost_one_by_one(pending, random)
        else:  # a journal that is written in order
            lost = {id(change) for change in pending[random.randrange(len(pending) + 1) :]}
        return self._after(change for change in changes if id(change) not in lost)

    def _before(self, cut: int) -> list[NameChange]:
        return self._changes[: bisect_left(self._times, cut)]

    def _after(self, changes: Iterable[NameChange]) -> dict[Name, int]:
        names = self._initial.copy()
        for change in changes:
            _carry_out(names, change)
        return names


def _lost_one_by_one(pending: list[NameChange], random: Random) -> set[int]:
    likely = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    lost: set[int] = set()
    for change in pending:
        if random.random() < likely or any(id(earlier) in lost for earlier in change.after):
            lost.add(id(change))
    return lost


def _carry_out(names: dict[Name, int], change: NameChange) -> None:
    for name, meaning in change.names.items():
        if meaning is None:
            names.pop(name, None)
        else:
            names[name] = meaning


def _make_durable(change: NameChange, time: int) -> None:
    """With everything that it rests on."""
    stack = [change]
    while stack:
        change = stack.pop()
        if change.durable == NEVER:
            change.durable = time
            stack += change.after
