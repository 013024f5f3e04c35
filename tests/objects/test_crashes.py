"""A process that dies at any step leaves the old state or the new one; a step that fails leaves nothing behind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tukar.database import Database, metadata
from tukar.errors import Unavailable
from tukar.objects.gc import sweep_landings
from tukar.objects.packs import pack_id_of
from tukar.objects.tables import files
from tukar.storage.folder import FolderStorage
from tukar.testing.models import tiny_safetensors

from .faulty import Died, FaultyDatabase, FaultyStorage, Step, Steps
from .stores import Store, noise, sha256_of, text

BASE, TUNED, HEAVY = tiny_safetensors(0), tiny_safetensors(0, metadata={"a": "b"}), noise(9000)
CONTENTS = {sha256_of(content): content for content in (BASE, TUNED, HEAVY, text(5000), noise(2000, 1), noise(2000, 2))}


@dataclass
class Life(Store):
    """A store, and what it promised: files whose landing ended well, and that were not dropped since."""

    promised: set[str] = field(default_factory=set)

    def promise(self, *contents: bytes) -> None:
        self.promised.update(self.land(*contents))

    def drop(self, *contents: bytes) -> None:
        for content in contents:
            self.promised.discard(sha256_of(content))
            self.roots.discard(sha256_of(content))

    def live(self) -> None:
        """Files come and go, and what is dead is collected."""
        self.promise(TUNED, HEAVY)
        self.drop(BASE, text(5000))
        self.collect()
        self.promise(noise(2000, 1), BASE)
        self.drop(HEAVY)
        self.collect()
        self.promise(noise(2000, 2))


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    folder = tmp_path / "begun"
    folder.mkdir()
    life = _open(folder)
    metadata.create_all(life.database.engine)
    life.land(BASE, text(5000))
    life.database.close()
    return folder


def _open(folder: Path, steps: Steps | None = None) -> Life:
    url, storage = f"sqlite:///{folder}/database.sqlite", FolderStorage(folder / "objects")
    if steps is None:
        return Life(Database(url), storage)
    return Life(FaultyDatabase(url, steps), FaultyStorage(storage, steps))


def _copy(begun: Path, name: str, steps: Steps) -> Life:
    shutil.copytree(begun, begun.parent / name)
    life = _open(begun.parent / name, steps)
    life.promised = {sha256_of(BASE), sha256_of(text(5000))}
    life.roots = set(life.promised)
    return life


def _restart(life: Life, name: Path) -> Store:
    """A new process, on what the old one left."""
    life.database.close()
    again = _open(name)
    again.storage.sweep()
    sweep_landings(again.database, again.storage)
    again.roots = life.roots
    return again


def _steps_of_a_life(begun: Path) -> list[Step]:
    steps = Steps()
    life = _copy(begun, "whole", steps)
    life.live()
    _look(_restart(life, begun.parent / "whole"), life.promised)
    return steps.done


def _look(store: Store, promised: set[str]) -> None:
    """All that was promised is here, nothing is wrong, and nothing is left that nobody needs."""
    known = {sha256 for sha256 in CONTENTS if store.has(sha256)}
    assert known >= promised
    assert {sha256: store.read(sha256) for sha256 in known} == {sha256: CONTENTS[sha256] for sha256 in known}
    assert store.check() == []
    store.collect()
    assert {pack_id_of(key) for key in store.blobs()} == store.states().keys()
    assert set(store.states().values()) <= {"live"}
    assert store.check() == []
    store.land(*CONTENTS.values())
    assert {sha256: store.read(sha256) for sha256 in CONTENTS} == CONTENTS
    store.database.close()


def _die(begun: Path, step: Step) -> None:
    name = f"{step[0]} {step[1]}"
    life = _copy(begun, name, Steps(step, die=True))
    with pytest.raises(Died):
        life.live()
    _look(_restart(life, begun.parent / name), life.promised)


CHANGES = ("publish", "published", "delete", "deleted")
COMMITS = ("commit", "committed")


def test_a_death_at_any_change_of_the_storage(begun: Path) -> None:
    steps = [step for step in _steps_of_a_life(begun) if step[0] in CHANGES]
    assert len(steps) > 12
    for step in steps:
        _die(begun, step)


@pytest.mark.slow
def test_a_death_at_any_commit(begun: Path) -> None:
    steps = [step for step in _steps_of_a_life(begun) if step[0] in COMMITS]
    assert len(steps) > 20
    for step in steps:
        _die(begun, step)


@pytest.mark.slow
def test_a_death_at_any_other_step(begun: Path) -> None:
    for step in _steps_of_a_life(begun):
        if step[0] not in (*CHANGES, *COMMITS):
            _die(begun, step)


def _land(begun: Path, name: str, steps: Steps) -> Store:
    """Land some files, over several packs, with these steps; the landing may fail."""
    folder = begun.parent / name
    shutil.copytree(begun, folder)
    store, faulty = _open(folder), _open(folder, steps)
    before = store.blobs(), store.count(files)
    try:
        faulty.land(noise(6000), tiny_safetensors(1), TUNED)
    except Unavailable:
        assert (store.blobs(), store.count(files)) == before
    faulty.database.close()
    return store


def test_a_failure_at_any_step_leaves_nothing(begun: Path) -> None:
    steps = Steps()
    _land(begun, "whole", steps).database.close()
    names = {name for name, _ in steps.done}
    assert names == {"look", "begin", "commit", "committed", "create", "write", "publish", "published", "read", "stat"}
    # When a transaction is reported as failed although it was committed, nobody can know.
    for number, step in enumerate(step for step in steps.done if step[0] != "committed"):
        store = _land(begun, str(number), Steps(step))
        assert store.check() == []
        assert len(store.blobs()) == len(store.states())
        assert list((begun.parent / str(number) / "objects" / "tmp").iterdir()) == []
        store.database.close()
