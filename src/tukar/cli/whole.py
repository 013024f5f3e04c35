"""Files that a command leaves where it is told to: whole or not at all, and nothing of anybody's lost."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from typing import Final

from tukar.cli.marker import sync_folder
from tukar.errors import Conflict, Invalid, NotFound

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})  # as on a USB stick


def check(path: Path, begins: bytes | None = None) -> None:
    """Whether a file can be written there, before there is one to write.

    Args:
        begins: what a file that is there has to begin with, in any case of letters, for it to be replaced; None if none
            is.

    Raises:
        NotFound: its folder is not there.
        Invalid: that is no folder.
        Conflict: there is a file already, and it stays as it is.
    """
    if not path.parent.exists():
        raise NotFound(f"there is no folder {str(path.parent)!r}", hint="make it first, or name a file elsewhere")
    if not path.parent.is_dir():
        raise Invalid(f"{path.parent} is no folder")
    if not os.path.lexists(path):
        return
    if begins is None or not path.is_file() or not _begins(path, begins):
        raise _taken(path)


def write(path: Path, data: bytes, begins: bytes | None = None) -> None:
    """The same, and write it: durable when this returns. Raises OSError, too, and then leaves what was there."""
    check(path, begins)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if begins is None:
            _put(temporary, path)
        else:
            temporary.replace(path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _put(temporary: Path, path: Path) -> None:
    """Under its name, unless something has that by now."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        check(path)
        temporary.replace(path)


def _begins(path: Path, begins: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(begins)).lower() == begins.lower()


def _taken(path: Path) -> Conflict:
    return Conflict(f"{path} is there already", hint="delete it, or name another file")
