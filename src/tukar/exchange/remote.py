"""The two ends of a transfer: where objects come from, and where they go to.

Each has an implementation over the store on this side (``local``), over a hub at the other end of HTTP (``hub``), and
over a folder of somebody who pushes or pulls (``cli``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from tukar.errors import Conflict
from tukar.objects.stream import Start
from tukar.types import Digest

OBJECTS_LIMIT: Final = 10_000
"""Objects that are asked for, or asked about, at once."""

STREAM: Final = "application/vnd.tukar.objects"
"""The media type of a stream of objects (docs/format/stream.md)."""

Pieces = Iterator[bytes]
Progress = Callable[[int], None]
"""Called with the number of bytes that passed since the last call."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is still to come, in the order in which it is to come.

    Attributes:
        start: where the first object goes on, if it is here in part.
    """

    objects: tuple[Digest, ...]
    start: Start | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that is to be put together: its sha256, its size in bytes, and the object that is its manifest."""

    sha256: str
    size: int
    manifest: Digest


class Busy(Conflict):
    """Another transfer to the same place is under way, perhaps one whose sender has gone: ask again a little later."""


Bases = Mapping[Digest, tuple[Digest, ...]]
"""Objects, and what each is stored as a difference to."""


class Source(Protocol):
    """Where objects come from."""

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        """Those of at most ``OBJECTS_LIMIT`` objects that are differences to something that who asks may know of."""

    def read(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> AbstractContextManager[Pieces]:
        """A stream of at most ``OBJECTS_LIMIT`` objects; the first goes on at ``start`` if it is still stored so.

        Args:
            differences: those that may come as they are stored, since their bases are at hand. Others come alone.

        NotFound if one is not there for who asks; Unavailable, then and while the pieces are drawn, if it is cut.
        """


class Destination(Protocol):
    """Where objects go to."""

    @property
    def in_order(self) -> bool:
        """Whether objects have to come in the order in which ``missing`` names them."""

    def missing(self, digests: Sequence[Digest]) -> Wanted:
        """Of these objects, at most ``OBJECTS_LIMIT``, those that have to be sent; the others stay there meanwhile.

        Busy if another transfer to the same place is under way.
        """

    def usable(self, bases: Bases) -> set[Digest]:
        """Those of these objects that may come as differences: their bases are here, and stay here meanwhile.

        Where objects come in order, a base that comes before them is as good as here.

        Whoever sends learns from it that they are.
        """

    def write(self, pieces: Iterable[bytes], wanted: Mapping[Digest, int], differences: Bases) -> None:
        """Take in a stream of the objects that were asked for, with their raw sizes, 0 where it is not known.

        Those in ``differences`` may come as differences to these bases. Whatever arrived before an error stays.

        Corrupt if something comes that was not asked for, or is not what it should be; Unavailable if not all came.
        """
