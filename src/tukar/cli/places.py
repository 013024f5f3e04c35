"""Where objects are on this disk: what is here need not come."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from tukar import formats
from tukar.cli.sources import LocalFile, OpenFile
from tukar.errors import TukarError
from tukar.objects import cutting
from tukar.objects.sources import SliceSource, steps
from tukar.types import Digest


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object's raw bytes are on this disk: in the first of these files that can be read."""

    paths: tuple[Path, ...]
    start: int

    def read(self, start: int, stop: int) -> bytes:
        """The bytes of the object from ``start`` to ``stop``; fewer if they are not there any more, or not for us."""
        for path in self.paths:
            # Others' files may be anything; and a hub, which says at which byte, may say a byte that no file has.
            with suppress(OSError, OverflowError), path.open("rb", buffering=0) as file:
                return os.pread(file.fileno(), stop - start, self.start + start)
        return b""


def places_in(path: Path, name: str, lengths: set[int]) -> dict[Digest, Place]:
    """Where objects of these lengths are in a file here; nothing if it cannot be read."""
    found: dict[Digest, Place] = {}
    with suppress(OSError, TukarError), OpenFile(LocalFile(path, name, path.stat().st_size)) as source:
        for piece in cutting.pieces(formats.open_file(source), source.size):
            if piece.stop - piece.start not in lengths:
                continue
            hasher = blake3()
            for data in steps(SliceSource(source, piece.start, piece.stop)):
                hasher.update(data)
            found[Digest(hasher.digest())] = Place((path,), piece.start)
    return found
