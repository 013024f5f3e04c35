"""Repacking, and the collection after it, may die or fail at any step: nothing is lost, nothing is left, it goes on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.database import Database, metadata
from tukar.errors import Unavailable
from tukar.objects.gc import sweep_landings
from tukar.objects.packs import pack_id_of
from tukar.objects.repack import Repacker
from tukar.objects.replacing import Repacked
from tukar.objects.tables import bases, files, objects
from tukar.storage.folder import FolderStorage
from tukar.testing.relations import fresh, stored, tuned

from .faulty import Died, FaultyDatabase, FaultyStorage, Step, Steps
from .stores import NOW, Store, sha256_of

_WEIGHTS = fresh(0, {"up": (64, 48), "down": (48, 64), "norm": (64,)})
_CHILD = tuned(_WEIGHTS, 1)
BASE, CHILD, GRANDCHILD = stored(_WEIGHTS), stored(_CHILD), stored(tuned(_CHILD, 2, change=2e-4))
CONTENTS = {sha256_of(content): content for content in (BASE, CHILD, GRANDCHILD)}
PACK = 4 << 10  # a pack for each tensor
GRACE = 10


@dataclass
class Life(Store):
    """A store, and what it promised: files whose landing ended well, and that were not dropped since."""

    promised: set[str] = field(default_factory=set)
    now: float = NOW

    def promise(self, content: bytes) -> None:
        self.promised.update(self.land(content))

    def drop(self, content: bytes) -> None:
        self.promised.discard(sha256_of(content))
        self.roots.discard(sha256_of(content))

    def repack(self) -> Repacked:
        self.now += 1
        return Repacker(self.database, self.storage, lambda: self.now, pack_size=PACK, threads=1).run()

    def live(self) -> None:
        """A child is encoded anew; its parent goes, and what was superseded; a child of its own comes."""
        self.repack()
        self.collect(self.now + 1, GRACE)
        self.drop(BASE)
        self.promise(GRANDCHILD)
        self.collect(self.now + GRACE, GRACE)
        self.repack()
        self.collect(self.now + 3 * GRACE, GRACE)


def _open(folder: Path, steps: Steps | None = None) -> Life:
    url, storage = f"sqlite:///{folder}/database.sqlite", FolderStorage(folder / "objects")
    if steps is None:
        return Life(Database(url), storage)
    return Life(FaultyDatabase(url, steps), FaultyStorage(storage, steps))


@pytest.fixture
def begun(scratch: Path) -> Path:
    """A base and its child, as they landed."""
    folder = scratch / "begun"
    folder.mkdir()
    life = _open(folder)
    metadata.create_all(life.database.engine)
    life.land(BASE)
    life.land(CHILD)
    life.database.close()
    return folder


def _copy(begun: Path, folder: Path, steps: Steps | None = None) -> Life:
    shutil.copytree(begun, folder)
    life = _open(folder, steps)
    life.promised = {sha256_of(BASE), sha256_of(CHILD)}
    life.roots = set(life.promised)
    return life


def _steps_of_a_life(begun: Path, folder: Path) -> list[Step]:
    steps = Steps()
    life = _copy(begun, folder, steps)
    life.live()
    assert _depth(life) == 2
    _restart(life, folder)
    return steps.done


def _depth(store: Store) -> int:
    return int(store.rows(sa.select(sa.func.max(objects.c.depth)))[0][0])


def _restart(life: Life, folder: Path) -> Life:
    """A new process, on what the old one left."""
    life.database.close()
    again = _open(folder)
    assert isinstance(again.storage, FolderStorage)
    again.storage.sweep()
    sweep_landings(again.database, again.storage)
    again.roots, again.promised, again.now = life.roots, life.promised, life.now + 100
    return again


def _look(store: Life) -> None:
    """All that was promised is here, and nothing is wrong; all is encoded anew after all, and nothing is left over."""
    _read(store)
    assert store.check() == []
    store.repack()
    assert store.count(bases) > 0
    assert store.rows(sa.select(files.c.id).where(files.c.repacked_at.is_(None))) == []
    _read(store)
    store.collect(store.now + 1)
    assert {pack_id_of(key) for key in store.blobs()} == store.states().keys()
    assert set(store.states().values()) == {"live"}
    assert not store.rows(sa.text("SELECT id FROM packs WHERE id NOT IN (SELECT pack_id FROM objects)"))  # type: ignore[arg-type]
    _read(store)
    assert store.check() == []


def _read(store: Life) -> None:
    known = {sha256 for sha256 in CONTENTS if store.has(sha256)}
    assert known >= store.promised
    assert {sha256: store.read(sha256) for sha256 in known} == {sha256: CONTENTS[sha256] for sha256 in known}


def _die(begun: Path, folder: Path, step: Step) -> bool:
    """Whether it came to that step: threads that read ahead do not read as often in every life."""
    life, has_died = _copy(begun, folder, Steps(step, die=True)), False
    try:
        life.live()
    except Died:
        has_died = True
    again = _restart(life, folder)
    _look(again)
    again.database.close()
    shutil.rmtree(folder)
    return has_died


NAMES = {"look", "begin", "commit", "create", "write", "publish", "published", "read", "stat"}
CHANGES = ("publish", "published", "delete", "deleted", "commit", "committed")


def test_a_death_at_some_changes(begun: Path, scratch: Path) -> None:
    steps = [step for step in _steps_of_a_life(begun, scratch / "whole") if step[0] in CHANGES]
    assert len(steps) > 60
    for step in steps[9::40]:
        assert _die(begun, scratch / "died", step)


@pytest.mark.slow
def test_a_death_at_any_step(begun: Path, scratch: Path) -> None:
    for step in _steps_of_a_life(begun, scratch / "whole"):
        is_change = step[0] not in ("look", "stat", "read", "list")
        if is_change or step[1] % 5 == 0:
            assert _die(begun, scratch / "died", step) or not is_change


def test_a_death_between_the_moves_of_a_pack(begun: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tukar.objects.replacing.SLICE", 1)
    monkeypatch.setattr(f"{__name__}.PACK", 1 << 20)
    steps = Steps()
    life = _copy(begun, scratch / "whole", steps)
    done = life.repack()
    life.database.close()
    commits = [step for step in steps.done if step[0] == "committed"]
    assert len(commits) >= done.tensors + 2 * done.files, "each object by itself, and each pack and file"
    for step in commits:
        life = _copy(begun, scratch / "died", Steps(step, die=True))
        with pytest.raises(Died):
            life.repack()
        again = _restart(life, scratch / "died")
        _look(again)
        again.database.close()
        shutil.rmtree(scratch / "died")


def _steps_of_repacking(begun: Path, folder: Path) -> list[Step]:
    steps = Steps()
    life = _copy(begun, folder, steps)
    life.repack()
    life.database.close()
    # When a transaction is reported as failed although it was committed, nobody can know.
    return [step for step in steps.done if step[0] != "committed"]


def _fail(begun: Path, folder: Path, step: Step) -> None:
    """What fails is told, and leaves nothing; asked again, it is done."""
    life, faulty = _copy(begun, folder), _open(folder, Steps(step))
    with pytest.raises(Unavailable):
        faulty.repack()
    faulty.database.close()
    assert set(life.states().values()) == {"live"}
    assert {pack_id_of(key) for key in life.blobs()} == life.states().keys()
    assert list((folder / "objects" / "tmp").iterdir()) == []
    _look(life)
    assert len(life.rows(sa.select(bases.c.object_id))) == 2
    life.database.close()
    shutil.rmtree(folder)


def test_a_failure_at_some_steps_leaves_nothing(begun: Path, scratch: Path) -> None:
    steps = _steps_of_repacking(begun, scratch / "whole")
    assert {name for name, _ in steps} == NAMES
    first = {step[0]: step for step in reversed(steps)}
    for step in (first[name] for name in ("create", "write", "commit", "read")):
        _fail(begun, scratch / "failed", step)


@pytest.mark.slow
def test_a_failure_at_any_step_leaves_nothing(begun: Path, scratch: Path) -> None:
    for step in _steps_of_repacking(begun, scratch / "whole"):
        _fail(begun, scratch / "failed", step)
