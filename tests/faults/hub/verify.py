"""Whether a hub keeps its promises after a crash: it is opened on what is left, looked at, and used again."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import sqlalchemy as sa

from tukar.hub import Hub
from tukar.objects.packs import key
from tukar.objects.tables import objects, packs

from .contents import sha256
from .inside import Inside, data
from .steps import Actor, Check, Collect, Commit, Create, Pause, Repack, Send, Step
from .workload import START, Clock, epoch_of, opened, secret_of
from .world import World, is_regular

_LATER = 10_000.0  # seconds: every lease has run out by then
AFTERWARDS: Sequence[Step] = (
    Create("admin/after"),
    Send("noise 90"),
    Send("model 91"),
    Send("xet 92"),
    Send("family 96"),
    Commit(
        "admin/after",
        "goes on",
        {"n": "noise 90", "m": "model 91", "x": "xet 92", "f": "family 96", "README.md": "text 90"},
    ),
    Pause(False),
    Repack(),
    Collect(window=0),
    Repack(),
    Check(),
)


@dataclass
class Promises:
    """What the hub had said before the crash, as the markers tell.

    Attributes:
        world: what was acknowledged.
        pending: what was begun and not acknowledged.
        epochs: those that clients may remember.
        secret: the one that addresses were signed with.
    """

    world: World = field(default_factory=World)
    pending: dict[str, Step] = field(default_factory=dict)
    epochs: set[str] = field(default_factory=set)
    secret: str | None = None

    def note(self, marker: str, steps: Mapping[str, Step]) -> None:
        """Take in the next marker."""
        what, *rest = marker.split(" ")
        match what:
            case "begin":
                self.pending[rest[0]] = steps[rest[0]]
            case "done":
                self.world = self.pending.pop(rest[0]).after(self.world, *rest[1:])
            case "open":
                self.epochs.add(rest[0])
                self.secret = rest[1]
            case "epoch":
                self.epochs.add(rest[0])

    def possible(self) -> Iterator[World]:
        """The worlds that may be found: what was pending may be done, each wholly or not at all."""
        pending = list(self.pending.values())
        for count in range(len(pending) + 1):
            for done in combinations(pending, count):
                world = self._sure()
                for step in done:
                    world = step.after(world)
                yield world

    def _sure(self) -> World:
        """A collection that is under way may have taken what it does not spare, or not yet."""
        takes_all = any(isinstance(step, Collect) and step.window == 0 for step in self.pending.values())
        return self.world.forget_sent() if takes_all else self.world


def promises(markers: Sequence[str], steps: Mapping[str, Step]) -> Promises:
    """What the markers tell."""
    made = Promises()
    for marker in markers:
        made.note(marker, steps)
    return made


def faults(root: Path, made: Promises, now: float = START + _LATER) -> list[str]:
    """Everything that is wrong after a crash that left ``root``; nothing, if the hub keeps its promises."""
    try:
        with opened(root, Clock(now)) as hub:
            return [*_first_look(hub, made), *_use(hub, made), *_left_over(hub, data(root))]
    except Exception:  # the hub does not open, or a step fails: a fault like any other
        return [traceback.format_exc()]


def _first_look(hub: Hub, made: Promises) -> Iterator[str]:
    me = Inside(hub)
    if epoch_of(hub) in made.epochs:
        yield "the epoch is an old one"
    if made.secret not in (None, secret_of(hub)):
        yield "the secret is another"
    world = me.look()
    differences = [expected.differences(world) for expected in made.possible()]
    if all(differences):
        yield from min(differences, key=len)
    for token, user in made.world.tokens.items():
        if me.holder(token) != user:
            yield f"a token of {user} is lost"
    yield from (f"check: {fault}" for fault in me.check())
    if undone := me.jobs() - {"done", "queued"}:  # jobs are done side by side: one may have its turn still to come
        yield f"jobs are {undone}"


def _use(hub: Hub, made: Promises) -> Iterator[str]:
    """People try again what got no answer, then go on, and everything is as if nothing had happened."""
    me, expected = Inside(hub), made.world
    for step in made.pending.values():
        expected = do([*needed_before(step), step], me, expected)
    expected = do([*_uses_of(expected.sent), *AFTERWARDS], me, expected)
    yield from (f"afterwards: {each}" for each in expected.differences(Inside(hub).look()))
    if pending := me.pending():
        yield f"{pending} files are still to be encoded anew"


def do(steps: Sequence[Step], me: Actor, world: World) -> World:
    """Do these steps; the world after them."""
    for step in steps:
        world = step.after(world, step.do(me))
    return world


def needed_before(step: Step) -> Iterator[Step]:
    """A client that tries a commit again asks first what is here, and sends what is not."""
    if isinstance(step, Commit):
        for name in step.changes.values():
            if name is not None and not is_regular(name):
                yield Send(name)


def _uses_of(sent: frozenset[str]) -> Iterator[Step]:
    """A commit of all that was sent before: it is still whole, and still its sender's to link."""
    names = {sha256(name): name for name in _ALL}
    if sent:
        yield Create("admin/sent")
        yield Commit("admin/sent", "sent before", {str(n): names[each] for n, each in enumerate(sorted(sent))})


_ALL = [f"{kind} {number}" for kind in ("model", "noise", "xet", "gguf", "family") for number in range(40)]


def _left_over(hub: Hub, folder: Path) -> Iterator[str]:
    """After a collection there is nothing but what the index names."""
    services = hub.services
    with services.database.read() as tx:
        states = {key(row.id): row.state for row in tx.execute(sa.select(packs))}
        inside = sa.select(packs.c.id, sa.func.count(objects.c.id).label("n")).join_from(packs, objects, isouter=True)
        held = {row.id: row.n for row in tx.execute(inside.group_by(packs.c.id))}
    stored = {stat.key for stat in services.objects.storage.list()}
    if stored != states.keys() or set(states.values()) - {"live"}:
        yield f"packs {sorted(stored ^ states.keys())} left over; states {set(states.values())}"
    if idle := [pack_id for pack_id, count in held.items() if not count]:
        yield f"nothing is in the packs {idle}"
    if left := [path for place in ("objects/tmp", "staging/spool") for path in (folder / place).iterdir()]:
        yield f"left over: {left}"
    known = {"lock", "objects", "staging", "database.sqlite", "database.sqlite-wal", "database.sqlite-shm"}
    if strange := {path.name for path in folder.iterdir()} - known:
        yield f"in the data folder: {strange}"
