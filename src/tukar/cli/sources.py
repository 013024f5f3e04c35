"""The files that a push takes from this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tukar.cli.options import chosen
from tukar.errors import Conflict, Invalid
from tukar.exchange.tree import OWN
from tukar.types import check_path

_PIECE: Final = 1 << 20
_LEFT_OUT: Final = frozenset({".git", OWN})  # what belongs to the folder, and not to the model
_CACHE: Final = (".cache", "huggingface")  # what `hf download --local-dir` leaves


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file here, and its path in the repository; ``size`` in bytes, as it was when it was found."""

    source: Path
    path: str
    size: int

    def read(self) -> bytes:
        """All of it, for a small one. Conflict if it has changed its size."""
        return b"".join(self.pieces(0, self.size))

    def pieces(self, start: int, stop: int, on_piece: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop``; ``on_piece`` is called with the size of each piece, once it is used.

        Conflict if there are fewer.
        """
        with self.source.open("rb", buffering=0) as file:
            file.seek(start)
            while start < stop:
                piece = file.read(min(_PIECE, stop - start))
                if not piece:
                    raise changed(self)
                yield piece
                start += len(piece)
                on_piece(len(piece))


class OpenFile:
    """A file of a push, open until it is closed. Conflict as soon as it is not as long as it was, or was written to."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._descriptor = os.open(file.source, os.O_RDONLY | os.O_CLOEXEC)
        self.size = file.size
        self.written_at = os.fstat(self._descriptor).st_mtime_ns

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``."""
        data = os.pread(self._descriptor, stop - start, start)
        while len(data) < stop - start:
            more = os.pread(self._descriptor, stop - start - len(data), start + len(data))
            if not more:
                raise changed(self._file)
            data += more
        return data

    def check(self, written_at: int) -> None:
        """Conflict if it was written to since, or is longer than it was."""
        if os.fstat(self._descriptor).st_mtime_ns != written_at or os.pread(self._descriptor, 1, self.size):
            raise changed(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def changed(file: LocalFile) -> Conflict:
    """The error for a file that is being written to."""
    return Conflict(f"{file.source} changed while it was read", hint="push again once it is finished")


def gather(source: Path, folder: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> list[LocalFile]:
    """A file, or those in a folder that the patterns choose, by path; to be put below ``folder`` in the repository.

    Links to files are followed, links to folders are not. Invalid if there is none, or one cannot be in a repository.
    """
    if source.is_file():
        return [_local(source, folder or source.name)]
    if not source.is_dir():
        raise Invalid(f"{source} is neither a file nor a folder")
    prefix = f"{folder}/" if folder else ""
    found = {path.relative_to(source).as_posix(): path for path in _walk(source)}
    if not found:
        raise Invalid(f"there are no files in {source}")
    return [_local(found[name], prefix + name) for name in chosen(sorted(found), include, exclude)]


def _walk(source: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(source, onerror=_fail):
        here = Path(at)
        folders[:] = [name for name in folders if not _is_left_out(here / name)]
        yield from (here / name for name in names if (here / name).is_file())


def _is_left_out(folder: Path) -> bool:
    return folder.name in _LEFT_OUT or folder.parts[-2:] == _CACHE


def _fail(error: OSError) -> None:
    raise error


def _local(source: Path, path: str) -> LocalFile:
    return LocalFile(source, check_path(path), source.stat().st_size)
