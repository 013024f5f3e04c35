"""The events of a recording, replayed into the history of every file and every name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from .files import File
from .log import Event, Operation
from .names import Name, Names

ROOT = 0
"""The number of the root folder."""

Content = bytes | str | None
"""The bytes of a file, the text of a symbolic link, or None for a folder."""

Node = File | str | None
"""The same through time."""


class History:
    """Everything that happened below the root.

    Args:
        initial: what lay there before, durable, by path.
        events: what happened since; the time of an event is its number.

    Attributes:
        names: of all files and folders.
        nodes: what the numbers in ``names`` stand for.
        markers: when the program noted what.
        changes: the times of the events that changed what is, or what is durable.
        end: the number of events.
        void: why this is not all that happened, if it is not.
    """

    def __init__(self, initial: Mapping[str, Content], events: Iterable[Event]) -> None:
        self.names = Names()
        self.nodes: list[Node] = [None]
        self.markers: list[tuple[int, str]] = []
        self.changes: list[int] = []
        self.end = 0
        self.void: list[str] = []
        self._handles: dict[int, int] = {}
        self._begin(initial)
        for event in events:
            if self._replay(self.end, event):
                self.changes.append(self.end)
            self.end += 1

    def _begin(self, initial: Mapping[str, Content]) -> None:
        numbers, names = {"": ROOT}, {}
        for path, content in sorted(initial.items()):
            folder, _, name = path.rpartition("/")
            numbers[path] = self._add(File(content) if isinstance(content, bytes) else content)
            names[numbers[folder], name] = numbers[path]
        self.names.begin(names)

    def _replay(self, time: int, event: Event) -> bool:
        """Note an event; whether it changed what is or what is durable."""
        match event.operation:
            case Operation.MARKER:
                self.markers.append((time, event.path))
                return False
            case Operation.VOID:
                self.void.append(event.path + event.other)
                return False
            case Operation.OPEN:
                return self._open(time, event)
            case Operation.WRITE | Operation.TRUNCATE | Operation.EXTEND:
                return self._change_content(time, event)
            case Operation.SYNC:
                return self._sync(time, self._handles[event.handle])
            case Operation.SYNC_ALL:
                return any([self._sync(time, number) for number in range(len(self.nodes))])  # noqa: C419 - not only one
            case _:
                return self._change_names(time, event)

    def _open(self, time: int, event: Event) -> bool:
        new = bool(event.offset & os.O_CREAT) and event.path != "" and self._name(event.path) not in self.names.now
        if new:
            self._make(time, event.path, File())
        self._handles[event.handle] = self._number(event.path)
        node = self.nodes[self._handles[event.handle]]
        emptied = event.offset & os.O_TRUNC and isinstance(node, File) and node.resize(time, 0)
        return new or bool(emptied)

    def _change_content(self, time: int, event: Event) -> bool:
        file = self.nodes[self._handles[event.handle]]
        assert isinstance(file, File)
        match event.operation:
            case Operation.WRITE:
                return file.write(time, event.offset, event.data)
            case Operation.TRUNCATE:
                return file.resize(time, event.offset)
            case _:
                return file.resize(time, max(file.size, event.offset))

    def _sync(self, time: int, number: int) -> bool:
        node = self.nodes[number]
        return node.sync(time) if isinstance(node, File) else self.names.sync(time, number)

    def _change_names(self, time: int, event: Event) -> bool:
        name = self._name(event.path)
        match event.operation:
            case Operation.MKDIR:
                self._make(time, event.path, None)
            case Operation.SYMLINK:
                self._make(time, event.path, bytes(event.data).decode())
            case Operation.UNLINK | Operation.RMDIR:
                self.names.change(time, {name: None}, (name[0],))
            case Operation.LINK:
                other = self._name(event.other)
                self.names.change(time, {other: self.names.now[name]}, (other[0],))
            case Operation.EXCHANGE:
                other, now = self._name(event.other), self.names.now
                self.names.change(time, {name: now[other], other: now[name]}, (name[0], other[0]))
            case Operation.RENAME:
                return self._rename(time, name, self._name(event.other))
        return True

    def _rename(self, time: int, name: Name, other: Name) -> bool:
        now = self.names.now
        if now.get(other) == now[name]:  # two names of one file: POSIX has this do nothing
            return False
        self.names.change(time, {name: None, other: now[name]}, (other[0],))
        return True

    def _make(self, time: int, path: str, node: Node) -> None:
        name = self._name(path)
        self.names.change(time, {name: self._add(node)}, (name[0],))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _number(self, path: str) -> int:
        number = ROOT
        for name in path.split("/") if path else ():
            number = self.names.now[number, name]
        return number

    def _name(self, path: str) -> Name:
        folder, _, name = path.rpartition("/")
        return self._number(folder), name
