"""Whether what comes in a swap has room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from tukar.database import Transaction
from tukar.exchange.offers import Item
from tukar.objects import index
from tukar.storage.folder import FolderStorage
from tukar.types import Digest
from tukar.usecases.services import Services

_KEPT: Final = 1 << 30  # bytes, or a fiftieth of the disk: the database is on it as well, and others write to it


class _Disk(Protocol):
    @property
    def total(self) -> int: ...

    @property
    def free(self) -> int: ...


def of_files(tx: Transaction, items: Iterable[Item]) -> int:
    """Bytes of the files that are not here yet. What they share with others shows only once they come."""
    sizes = {file.sha256: file.size for item in items for file in item.files}
    here = index.find_files(tx, sizes)
    return sum(size for sha256, size in sizes.items() if sha256 not in here)


def of_objects(tx: Transaction, sizes: Mapping[Digest, int]) -> int:
    """Raw bytes of the objects that are not here yet."""
    here = index.locate_ids(tx, sizes.keys())
    return sum(size for digest, size in sizes.items() if digest not in here)


def shortage(services: Services, nbytes: int) -> str | None:
    """What is to be said where so many bytes more do not fit; None where they do, or where it is no disk of ours."""
    disk = _disk(services)
    if disk is None:
        return None
    kept = min(_KEPT, disk.total // 50)
    if nbytes + kept <= disk.free:
        return None
    return (
        f"{nbytes} bytes are still to come here, and {disk.free} are free on the disk of {services.arrivals}, "
        f"of which {kept} are kept free"
    )


def excess(services: Services, nbytes: int) -> str | None:
    """The same where so many bytes would not fit even if the disk were empty."""
    disk = _disk(services)
    if disk is None or nbytes <= disk.total:
        return None
    return f"{nbytes} bytes would come here, and the disk of {services.arrivals} has {disk.total} in all"


def _disk(services: Services) -> _Disk | None:
    if not isinstance(services.objects.storage, FolderStorage):
        return None
    services.arrivals.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(services.arrivals)
