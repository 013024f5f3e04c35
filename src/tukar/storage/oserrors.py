"""What the operating system says about a disk, in the words of :mod:`tukar.errors`."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tukar.errors import Unavailable

_HINTS: Final[Mapping[int, str]] = {
    errno.ENOSPC: "free some space on that disk, or move the data folder to a larger one",
    errno.EDQUOT: "the quota of the user that runs Tukar is used up: free some space, or have the quota raised",
    errno.EROFS: "mounted read-only, perhaps after an error: look at the kernel's log, then mount it read-write",
    errno.EIO: "the disk reports an error: look at the kernel's log and at the disk's health before anything else",
    errno.EMFILE: "too many files are open in this process: raise its limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: raise fs.file-max",
    errno.EACCES: "the user that runs Tukar needs to own the folder",
    errno.EPERM: "the user that runs Tukar needs to own the folder",
}


def unavailable(error: OSError, doing: str) -> Unavailable:
    """``error`` as Unavailable; ``doing`` completes the sentence "cannot ..."."""
    reason = error.strerror or str(error)
    return Unavailable(f"cannot {doing}: {reason}", hint=_HINTS.get(error.errno or 0))


@contextmanager
def os_errors_unavailable(doing: str) -> Iterator[None]:
    """Raise Unavailable for any OSError of the block; ``doing`` completes the sentence "cannot ..."."""
    try:
        yield
    except OSError as error:
        raise unavailable(error, doing) from error
