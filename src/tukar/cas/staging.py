"""Staged xorbs: sent, verified, and not yet wholly part of stored files.

A staged xorb is a file with its chunks' raw bytes one after another. It is volatile: nothing is fsynced, and a start of
the hub drops what is staged, which is safe because a start begins a new epoch.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tukar.xet.hashes import XetHash


class Staging:
    """The folder of staged xorbs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def path(self, xorb: XetHash) -> Path:
        """Where a xorb is staged, if it is."""
        return self._folder / str(xorb)

    def adopt(self, xorb: XetHash, path: Path) -> None:
        """Take over a file with the xorb's raw chunks."""
        path.replace(self.path(xorb))

    def drop(self, xorb: XetHash) -> None:
        """Forget a staged xorb."""
        self.path(xorb).unlink(missing_ok=True)

    def older_than(self, time: float) -> Iterator[XetHash]:
        """Those that were staged before ``time``, in seconds since the epoch."""
        for entry in list(os.scandir(self._folder)):
            try:
                staged = entry.stat().st_mtime
            except FileNotFoundError:  # dropped meanwhile
                continue
            if staged < time:
                yield XetHash.parse(entry.name)
