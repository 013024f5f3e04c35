"""What the verbs work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tukar.cas.store import XorbStore
from tukar.database import Database
from tukar.objects.store import ObjectStore


@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """The parts of a running hub, as the composition root put them together. Two are never equal.

    Attributes:
        clock: seconds since the epoch.
        arrivals: the folder for what arrives from elsewhere, in part.
    """

    database: Database
    objects: ObjectStore
    xorbs: XorbStore
    clock: Callable[[], float]
    arrivals: Path
