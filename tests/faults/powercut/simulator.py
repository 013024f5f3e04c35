"""What could be on the disk if the power had gone at some point of a recording.

The model is POSIX, taken at its word, with what journalled file systems add:

- A file's content and size are durable up to its last fsync or fdatasync. Of the changes since, each sector of 512
  bytes shows any number of the first ones that touch it, and the size is any of those since (see :mod:`.files`).
- A name is durable once its folder was fsynced. Of the changes since, any may be missing, but a change is made whole
  or not at all, and not without earlier ones of the same names (see :mod:`.names`).
- An fsync of a file says nothing about its name, and one of a folder nothing about the files in it.
- The root itself is durable.

After T. S. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014. Not modelled: damage to what was not
being written, attributes, and that two names from before the recording may have been of one file.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Literal

from .files import File
from .log import Event
from .names import Name
from .replay import ROOT, Content, History

Mode = Literal["strict", "everything", "random"]
"""Of what was not synced: all is lost, nothing is lost (as when only the process is killed), or some of it is."""


class Trace:
    """What a program did to a folder, and when it said what.

    Args:
        initial: what the folder held before, by path.
        events: what happened since.
        output: what the program printed.
    """

    def __init__(self, initial: Mapping[str, Content], events: Iterable[Event], output: str = "") -> None:
        self.output = output
        self._history = History(initial, events)

    @property
    def void(self) -> tuple[str, ...]:
        """Why this is not all that happened, if it is not."""
        return tuple(self._history.void)

    def cuts(self) -> list[int]:
        """Every point at which a cut may make a difference: just before each event that changes what is, or is durable.

        The last is the end. A cut comes as late as it can, so that everything marked until then has to hold.
        """
        return [*self._history.changes, self._history.end]

    def markers_before(self, cut: int) -> list[str]:
        """What the program had marked before the cut, in order."""
        count = bisect_left(self._history.markers, (cut, ""))
        return [text for _, text in self._history.markers[:count]]

    def build(self, cut: int, seed: int, mode: Mode, into: Path) -> None:
        """Make the folder ``into`` as a disk may show it after a cut.

        Args:
            cut: one of :meth:`cuts`: as many events had taken place.
            seed: for what is left to chance; the same seed makes the same folder.
            mode: what becomes of that which was not synced.
            into: does not exist, or is empty.
        """
        random = Random(f"{cut} {seed}")
        fate = random.choice(("strict", "everything", "random", "random")) if mode == "random" else mode
        into.mkdir(exist_ok=True)
        made: dict[int, str] = {}
        for path, number in _walk(self._names(cut, mode, random)):
            target, node = f"{into}/{path}", self._history.nodes[number]
            if number in made:
                os.link(made[number], target)
            elif isinstance(node, File):
                _write(target, _content(node, cut, fate, random))
                made[number] = target
            elif node is None:
                os.mkdir(target)  # noqa: PTH102 - hundreds of thousands of times
            else:
                Path(target).symlink_to(node)

    def newest(self) -> dict[str, Content]:
        """What the folder holds at the end, as the program saw it."""
        found: dict[str, Content] = {}
        for path, number in _walk(self._history.names.now):
            node = self._history.nodes[number]
            found[path] = bytes(node.newest(self._history.end)) if isinstance(node, File) else node
        return found

    def _names(self, cut: int, mode: Mode, random: Random) -> Mapping[Name, int]:
        names = self._history.names
        if mode == "random":
            return names.torn(cut, random)
        return names.synced(cut) if mode == "strict" else names.newest(cut)


def _content(file: File, cut: int, fate: str, random: Random) -> bytearray:
    if fate == "random":
        return file.torn(cut, random)
    return file.synced(cut) if fate == "strict" else file.newest(cut)


def _walk(names: Mapping[Name, int]) -> Iterator[tuple[str, int]]:
    """Every path below the root and the number that it stands for, folders before what lies in them."""
    inside: dict[int, list[tuple[str, int]]] = {}
    for (folder, name), number in names.items():
        inside.setdefault(folder, []).append((name, number))
    todo = [("", ROOT)]
    while todo:
        above, folder = todo.pop()
        for name, number in sorted(inside.get(folder, ())):
            path = f"{above}/{name}" if above else name
            yield path, number
            todo.append((path, number))


def _write(path: str, content: bytearray) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
