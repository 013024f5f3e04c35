"""Open file descriptors that several threads share."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_FULL: Final = (errno.EMFILE, errno.ENFILE)


class Descriptor:
    """An open descriptor. It is closed when the last holder of this object lets go of it, so no read is cut short."""

    __slots__ = ("number",)
    _close = staticmethod(os.close)  # found here even when the interpreter is shutting down

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        self._close(self.number)


class OpenFiles:
    """The files read last, kept open.

    A file that has been deleted or replaced, by whatever process, is not given out again: its descriptor still reads
    well, but the file behind it has no name left (``st_nlink`` is 0).

    Args:
        limit: how many files to keep open.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files: OrderedDict[str, Descriptor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str, open_file: Callable[[str], Descriptor]) -> tuple[Descriptor, int]:
        """The file of that name and its size in bytes; the OSErrors of ``open_file``, which opens it, are passed on."""
        file = self._kept(name)
        if file is not None:
            status = os.fstat(file.number)
            if status.st_nlink:
                return file, status.st_size
        file = self._open(name, open_file)
        self._keep(name, file)
        return file, os.fstat(file.number).st_size

    def drop(self, name: str) -> None:
        """Keep the file open no longer than a read that is under way needs it."""
        with self._lock:
            file = self._files.pop(name, None)
        del file  # outside of the lock: closing the last name of a large file takes a while

    def _kept(self, name: str) -> Descriptor | None:
        with self._lock:
            file = self._files.get(name)
            if file is not None:
                self._files.move_to_end(name)
            return file

    def _keep(self, name: str, file: Descriptor) -> None:
        with self._lock:
            self._files[name] = file
            self._files.move_to_end(name)
            if len(self._files) > self._limit:
                self._files.popitem(last=False)

    def _open(self, name: str, open_file: Callable[[str], Descriptor]) -> Descriptor:
        try:
            return open_file(name)
        except OSError as error:
            if error.errno not in _FULL:
                raise
        with self._lock:  # what is only kept for speed gives way
            self._files.clear()
        return open_file(name)
