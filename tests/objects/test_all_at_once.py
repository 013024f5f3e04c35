"""Landings, readers, gc and check at the same time, against a record of what must be there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest

from tukar.errors import NotFound
from tukar.objects.index import FreedMeanwhile
from tukar.storage.folder import FolderStorage
from tukar.testing.models import tiny_safetensors

from .stores import Store, noise, sha256_of, text

ENOUGH = {"landed": 30, "read": 60, "freed": 10, "moved": 10}
SECONDS = 60.0  # to have done enough, on a machine that is busy
CONTENTS = [tiny_safetensors(seed // 2, metadata={"n": str(seed)}) for seed in range(8)]
CONTENTS += [text(3000, seed) + noise(200, seed) for seed in range(4)]


class Siege:
    """One store under several threads. Its roots change within write transactions alone, as a commit's would."""

    def __init__(self, store: Store) -> None:
        self.store, self.end = store, monotonic() + SECONDS
        self.done: Counter[str] = Counter()

    def goes_on(self) -> bool:
        return any(self.done[what] < count for what, count in ENOUGH.items()) and monotonic() < self.end

    def land(self, chance: random.Random) -> None:
        try:
            self.store.land(*chance.sample(CONTENTS, 2))
        except FreedMeanwhile:
            return
        self.done["landed"] += 1

    def drop(self, chance: random.Random) -> None:
        """Nothing needs some file any more."""
        with self.store.database.write():
            if len(self.store.roots) > 4:
                self.store.roots.discard(chance.choice(sorted(self.store.roots)))

    def read(self, chance: random.Random) -> None:
        content = chance.choice(CONTENTS)
        try:
            assert self.store.read(sha256_of(content)) == content
            self.done["read"] += 1
        except NotFound:
            with self.store.database.write():  # nothing can be dropped, freed or landed here
                assert sha256_of(content) not in self.store.roots or self.store.read(sha256_of(content)) == content

    def collect(self, chance: random.Random) -> None:
        collected = self.store.collect_and_move() if chance.random() < 0.3 else self.store.collect()
        self.done["freed"] += collected.freed_files
        self.done["moved"] += collected.rewritten_packs

    def check(self, chance: random.Random) -> None:
        assert self.store.check() == []


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_nothing_is_lost_and_nothing_wrong_is_read(store: Store, tmp_path: Path, seed: int) -> None:
    store.storage = FolderStorage(tmp_path / "blobs")
    siege = Siege(store)
    tasks = [siege.land, siege.land, siege.read, siege.read, siege.collect, siege.check, siege.drop]
    with ThreadPoolExecutor(len(tasks)) as pool:
        running = [pool.submit(_repeat, siege, task, random.Random(f"{seed}/{n}")) for n, task in enumerate(tasks)]
    for future in running:
        future.result()
    assert all(siege.done[what] >= count for what, count in ENOUGH.items())
    store.collect()
    assert store.check() == []
    for content in CONTENTS:
        if sha256_of(content) in store.roots:
            assert store.read(sha256_of(content)) == content


def _repeat(siege: Siege, task: Callable[[random.Random], None], chance: random.Random) -> None:
    while siege.goes_on():
        task(chance)
