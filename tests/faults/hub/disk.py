"""A small disk of our own, that can be filled and made read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MOUNT = 'mount -t tmpfs -o size="$1" tukar "$0" && echo mounted && exec cat'


@dataclass(frozen=True)
class Disk:
    """A disk at ``place``, which only processes see that are started with ``prefix``.

    Attributes:
        inside: the same place, seen from here.
    """

    place: Path
    inside: Path
    prefix: Sequence[str]

    def fill(self, but: int) -> None:
        """Leave ``but`` bytes free, as far as whole pages go."""
        self.free()
        with (self.inside / "filler").open("wb", buffering=0) as filler:
            status = _free_bytes(self.inside)
            filler.write(bytes(max(status - but, 0)))

    def free(self) -> None:
        """Undo ``fill``."""
        (self.inside / "filler").unlink(missing_ok=True)

    def make_read_only(self) -> None:
        """Nothing may be open for writing."""
        self._remount("ro")

    def make_writable(self) -> None:
        self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run([*self.prefix, "mount", "-o", f"remount,{how}", str(self.place)], check=True)


def can_mount() -> bool:
    """Whether we may mount a disk that only our own processes see."""
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


@contextmanager
def disk(place: Path, size: int) -> Iterator[Disk]:
    """A disk of ``size`` bytes."""
    place.mkdir()
    command = ["unshare", "-m", "sh", "-c", _MOUNT, str(place), str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mounted\n"
        inside = Path(f"/proc/{holder.pid}/root{place}")
        try:
            yield Disk(place, inside, ["nsenter", "-t", str(holder.pid), "-m"])
        finally:
            holder.kill()


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_bsize
