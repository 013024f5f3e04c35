"""Runs a plan on a hub below ROOT, and notes what was begun and what was acknowledged.

python -m faults.hub.workload ROOT [PLAN] [FAULT]

With a fault, the hub is made to break its promises: the tests' own test. ``recover`` only opens the hub and collects.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tukar.cas import epochs
from tukar.config import Config
from tukar.database import connect
from tukar.hub import Hub, open_hub
from tukar.objects import compaction
from tukar.objects.packs import key
from tukar.objects.repack import Repacker
from tukar.usecases import repacking

from ..powercut import mark
from .inside import ADMIN_TOKEN, Inside, data
from .plan import PLANS, Lane
from .steps import Collect

START = 1_700_000_000.0
_PACK = 16 << 10  # a model that is encoded anew takes several
_WAL_PAGES = 25  # the log is taken over this often, instead of once in this whole run


@dataclass
class Clock:
    """Stands still but for the one who puts it on."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@contextmanager
def opened(root: Path, clock: Clock) -> Iterator[Hub]:
    """The hub below ``root``, as it is run; nothing happens by itself."""
    config = Config(data=data(root), admin_token=ADMIN_TOKEN, check_every=0, gc_every=0, repack_every=0)
    with open_hub(config, clock) as hub:
        yield hub


def secret_of(hub: Hub) -> str:
    return hashlib.sha256(hub.secret).hexdigest()


def epoch_of(hub: Hub) -> str:
    with hub.services.database.read() as tx:
        return epochs.current(tx, None)


def run(root: Path, plan: str) -> None:
    clock = Clock()
    for number, phase in enumerate(PLANS[plan]):
        with opened(root, clock) as hub, ThreadPoolExecutor(len(phase)) as lanes:
            mark(root, f"open {epoch_of(hub)} {secret_of(hub)}")
            todo = [
                lanes.submit(run_lane, root, hub, clock, f"{plan}.{number}.{n}", lane) for n, lane in enumerate(phase)
            ]
            for lane in todo:
                lane.result()


def run_lane(root: Path, hub: Hub, clock: Clock, name: str, lane: Lane) -> None:
    me = Inside(hub)
    for place, step in enumerate(lane):
        clock.now += 1
        mark(root, f"begin {name}.{place}")
        answer = step.do(me)
        mark(root, f"done {name}.{place} {answer}".strip())
        mark(root, f"epoch {epoch_of(hub)}")


def recover(root: Path) -> None:
    clock = Clock(START + 5_000)
    with opened(root, clock) as hub:
        mark(root, f"open {epoch_of(hub)} {secret_of(hub)}")
        Collect().do(Inside(hub))


def files_are_not_synced() -> None:
    os.fsync = lambda _: None


def commits_are_not_synced() -> None:
    def prepare(patience: float, connection: Any, record: Any) -> None:
        prepare_as_it_is(patience, connection, record)
        connection.execute("PRAGMA synchronous = NORMAL")

    prepare_as_it_is, connect._prepare_sqlite = connect._prepare_sqlite, prepare


def packs_go_before_they_are_replaced() -> None:
    def copy(database: Any, storage: Any, locations: Any, now: float) -> Any:
        made = copy_as_it_is(database, storage, locations, now)
        for pack_id in {location.pack_id for location in locations}:
            storage.delete(key(pack_id))
        return made

    copy_as_it_is, compaction._copy = compaction._copy, copy


FAULTS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (files_are_not_synced, commits_are_not_synced, packs_go_before_they_are_replaced)
}


def take_over_often(connection: Any, _: Any) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")


if __name__ == "__main__":
    event.listen(Engine, "connect", take_over_often)
    repacking.Repacker = partial(Repacker, pack_size=_PACK)  # type: ignore[assignment,misc]
    folder, what = Path(sys.argv[1]), sys.argv[2:]
    if what == ["recover"]:
        recover(folder)
    else:
        plan = what.pop(0) if what and what[0] in PLANS else "everything"
        for fault in what:
            FAULTS[fault]()
        run(folder, plan)
