"""The one transfer, behind push, pull and what hubs hand each other.

1. The destination is asked what of the objects it has not: the rest does not travel.
2. What is there in part goes first, from the byte where it stopped.
3. The others follow, in portions: so many objects, or so many bytes, at once. What the source stores as a difference
   comes so where the destination has what it is a difference to; also if that came in an earlier portion.
4. When a portion breaks off, the destination is asked again; it goes on from what arrived, after a pause.
5. If nothing has arrived since the last time, again and again, the last error is raised. What arrived stays.

Nothing is noted on the way: what the destination says is the whole state, so that it does not matter whether the same
process goes on, or another one a day later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tukar.errors import TukarError, Unavailable
from tukar.exchange.remote import OBJECTS_LIMIT, Bases, Busy, Destination, Progress, Source, Wanted
from tukar.objects.freed import FreedMeanwhile
from tukar.types import Digest

PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before the first, second, ... attempt that follows one that moved nothing."""

PORTION: Final = 1 << 30
"""Raw bytes that are sent at once, unless one object alone has more."""

_LARGE: Final = 4 << 10  # bytes: nothing smaller is stored as a difference
_BREAKS: Final = (Unavailable, Busy, FreedMeanwhile)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transfer did.

    Attributes:
        sent: bytes of the streams, those that had to be sent again too.
        avoided: raw bytes of the objects that did not have to be sent.
        objects: how many were sent.
    """

    sent: int
    avoided: int
    objects: int


def transfer(
    source: Source,
    destination: Destination,
    digests: Mapping[Digest, int],
    on_progress: Progress = lambda _: None,
    wait: Callable[[float], None] = time.sleep,
) -> Moved:
    """Bring objects to where they are not yet.

    Args:
        digests: the objects, in the order in which they are to travel, with their raw sizes; 0 where it is not known.
        on_progress: called with the bytes of the stream as they pass.
        wait: called with the seconds of a pause; whatever it raises ends the transfer.

    Raises:
        Unavailable, Busy: it was cut again and again, and nothing more arrived.
        TukarError: what source and destination say.
    """
    return _Transfer(source, destination, on_progress, wait).run(digests)


def lacking(destination: Destination, digests: Iterable[Digest]) -> list[Digest]:
    """Those of the objects that would have to be sent now."""
    return [digest for batch in _batches(digests) for digest in destination.missing(batch).objects]


@dataclass(slots=True)
class _Transfer:
    source: Source
    destination: Destination
    on_progress: Progress
    wait: Callable[[float], None]
    _sent: int = field(default=0, init=False)

    def run(self, digests: Mapping[Digest, int]) -> Moved:
        wanted = _joined([self._missing(batch) for batch in _batches(digests)])
        start = wanted.start
        bases = self._bases(wanted.objects, digests)
        in_order = self.destination.in_order
        for generation in [wanted.objects] if in_order else _generations(wanted.objects, bases):
            for portion in _portions(generation, digests):
                self._move(Wanted(portion, start), digests, bases)
                start = None
        avoided = sum(digests.values()) - sum(digests[digest] for digest in wanted.objects)
        return Moved(self._sent, avoided, len(wanted.objects))

    def _missing(self, digests: Sequence[Digest]) -> Wanted:
        for pause in (*PAUSES, None):
            try:
                return self.destination.missing(digests)
            except (Busy, FreedMeanwhile):
                if pause is None:
                    raise
                self.wait(pause)
        raise AssertionError("unreachable")

    def _bases(self, objects: Sequence[Digest], sizes: Mapping[Digest, int]) -> Bases:
        """Of what is large enough to be asked about: a manifest, whose size nobody knows, is no difference."""
        large = [digest for digest in objects if sizes[digest] >= _LARGE]
        return {digest: of for batch in _batches(large) for digest, of in self.source.bases(batch).items()}

    def _move(self, wanted: Wanted, sizes: Mapping[Digest, int], bases: Bases) -> None:
        portion, vain = wanted.objects, 0
        while wanted.objects:
            try:
                self._pass_on(wanted, sizes, bases)
                return
            except _BREAKS as error:
                failure: TukarError = error
            left = self._missing(portion)
            vain = vain + 1 if left == wanted else 0
            if vain > len(PAUSES):
                raise failure
            wanted = left
            self.wait(max(PAUSES[max(vain - 1, 0)], getattr(failure, "pause", 0.0)))

    def _pass_on(self, wanted: Wanted, sizes: Mapping[Digest, int], bases: Bases) -> None:
        told = {digest: bases[digest] for digest in wanted.objects if digest in bases}
        usable = self.destination.usable(told) if told else set()
        differences = {digest: of for digest, of in told.items() if digest in usable}
        with self.source.read(wanted.objects, wanted.start, tuple(differences)) as pieces:
            asked = {digest: sizes[digest] for digest in wanted.objects}
            self.destination.write(self._counted(pieces), asked, differences)

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._sent += len(piece)
            yield piece
            self.on_progress(len(piece))


def _joined(some: Sequence[Wanted]) -> Wanted:
    """One list of all, what is there in part in front."""
    under_way = next((each for each in some if each.start), None)
    first = under_way.objects[:1] if under_way else ()
    rest = tuple(digest for each in some for digest in each.objects if digest not in first)
    return Wanted(first + rest, under_way.start if under_way else None)


def _generations(objects: Sequence[Digest], bases: Bases) -> Iterator[list[Digest]]:
    """The objects, those behind others that may be differences to them."""
    left = list(objects)
    while left:
        waiting = set(left)
        now = [digest for digest in left if not waiting.intersection(bases.get(digest, ()))] or left
        yield now
        done = set(now)
        left = [digest for digest in left if digest not in done]


def _batches(digests: Iterable[Digest]) -> Iterator[list[Digest]]:
    rest = iter(digests)
    while batch := list(islice(rest, OBJECTS_LIMIT)):
        yield batch


def _portions(digests: Sequence[Digest], sizes: Mapping[Digest, int]) -> Iterator[tuple[Digest, ...]]:
    portion: list[Digest] = []
    nbytes = 0
    for digest in digests:
        if portion and (len(portion) == OBJECTS_LIMIT or nbytes + sizes[digest] > PORTION):
            yield tuple(portion)
            portion, nbytes = [], 0
        portion.append(digest)
        nbytes += sizes[digest]
    if portion:
        yield tuple(portion)
