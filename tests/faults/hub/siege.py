"""A hub as a process, killed again and again while somebody works with it.

python -m faults.hub.siege [--work W] [--kills N] [--seed S]     (in tests/)
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from .contents import sha256
from .inside import data
from .process import Died, Server
from .remote import HOME, Remote
from .steps import FOREVER, AddToken, AddUser, Check, Collect, Commit, Create, Delete, Pause, Repack, Send, Step
from .verify import Promises, do, faults, needed_before
from .world import World

_KILLS_PER_HUB = 12  # then a new one: what is stored is read again after every kill
_MOST_STEPS = 400  # of the disk, until a counted kill
_MOST_SECONDS = 0.6  # until one by the clock


_KILLED = "jobs are {'failed'}"  # as those are that were asked for over HTTP: whoever waited asks again


@dataclass(frozen=True)
class Work:
    """What is done with a hub: how likely each is, and the kinds of contents."""

    likely: Mapping[str, int]
    kinds: Sequence[str]


WORK: Mapping[str, Work] = {
    "everything": Work(
        {"send": 8, "commit": 8, "collect": 3, "drop": 1, "people": 1, "check": 1, "repack": 1},
        ("model", "noise", "xet", "gguf", "family"),
    ),
    "repack": Work({"send": 6, "commit": 6, "collect": 4, "drop": 2, "repack": 10, "pause": 1}, ("family",)),
}


@dataclass
class Siege:
    """One hub, and what it has promised.

    Attributes:
        work: what is done with it.
        killed: what was under way at each kill.
    """

    server: Server
    random: Random
    work: Work = WORK["everything"]
    made: Promises = field(default_factory=Promises)
    killed: list[str] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self.hub = Remote(self.server.url)

    def round(self) -> None:
        """Work until the hub is killed, start it again, and see that it kept its promises; AssertionError if not."""
        with self._killing():
            self._work()
        self._restart()
        self._look()
        for step in list(self.made.pending.values()):
            self.made.world = do([*needed_before(step), step], self.hub, self.made.world)
        self.made.pending.clear()
        assert self.made.world.differences(self.hub.look()) == []

    def end(self, root: Path) -> None:
        """Kill it at last, and look at what it has left below ``root``."""
        self.made.world = do([Create(HOME)], self.hub, self.made.world)
        self.server.kill()
        found = faults(root, self.made, time.time() + 3600)
        found = [each for each in found if each != _KILLED]
        assert not found, "\n".join(found)

    @contextmanager
    def _killing(self) -> Iterator[None]:
        """At a random step of the disk, or after a random time."""
        if self.random.random() < 0.6:
            self.server.arm(self.random.randrange(1, _MOST_STEPS))
            yield
        else:
            timer = threading.Timer(self.random.random() * _MOST_SECONDS, self.server.process.kill)
            timer.start()
            yield
            timer.join()
        self._see_that_it_was_killed()

    def _work(self) -> None:
        while True:
            step = self._next()
            self.made.pending["now"] = step
            try:
                answer = step.do(self.hub)
            except httpx.TransportError:
                self.killed.append(type(step).__name__)
                return
            self.made.world = self.made.pending.pop("now").after(self.made.world, answer)

    def _restart(self) -> None:
        """Sometimes it dies at the start as well."""
        if self.random.random() < 0.25:
            with suppress(Died):
                self.server.start(self.random.randrange(1, 120))
            if self.server.process.poll() is None:  # it served before the countdown ended
                self.server.kill()
            else:
                self.killed.append("start")
            self._see_that_it_was_killed()
        self.server.start()

    def _see_that_it_was_killed(self) -> None:
        """And did not end by itself."""
        assert self.server.process.wait() == -signal.SIGKILL

    def _look(self) -> None:
        found = self.hub.look()
        differences = [expected.differences(found) for expected in self.made.possible()]
        assert not all(differences), min(differences, key=len)
        for token, user in self.made.world.tokens.items():
            assert self.hub.holder(token) == user
        assert self.hub.check() == []

    def _next(self) -> Step:
        """Something that makes sense now."""
        world, random = self.made.world, self.random
        self._number += 1
        number, repositories = self._number, sorted(world.repositories)
        if not repositories or random.random() < 0.08:
            return Create(f"admin/r{number}")
        repository = random.choice(repositories)
        match random.choices(list(self.work.likely), list(self.work.likely.values()))[0]:
            case "send":
                return Send(f"{random.choice(self.work.kinds)} {random.randrange(30)}")
            case "commit":
                return self._commit(repository, number, world)
            case "collect":
                return Collect(random.choice((0, FOREVER, FOREVER)), random.choice((0, 0, 1)))
            case "repack":
                return Repack()
            case "pause":
                return Pause(random.random() < 0.5)
            case "drop":
                return Delete(repository)
            case "people":
                return random.choice((AddUser(f"user{number}"), AddToken("admin", f"token {number}")))
            case _:
                return Check()

    def _commit(self, repository: str, number: int, world: World) -> Commit:
        """Contents that were sent are linked, and now and then a file is deleted."""
        changes: dict[str, str | None] = {"README.md": f"text {number}"}
        paths = sorted(file.path for file in world.repositories[repository][-1].files - {"README.md"})
        for name in sorted(self.hub.sent):
            if _is_here(name, world) and self.random.random() < 0.3:
                changes[f"sub/{name.replace(' ', '-')}"] = name
        if paths and self.random.random() < 0.3:
            changes[self.random.choice(paths)] = None
        return Commit(repository, f"commit {number}", changes)


def _is_here(name: str, world: World) -> bool:
    return sha256(name) in world.sent


def siege(folder: Path, kills: int, seed: int, work: Work = WORK["everything"]) -> Counter[str]:
    """Kill hubs so often; what was under way. AssertionError, with the seed and the log's place, where one failed."""
    random, killed = Random(seed), Counter[str]()
    while killed.total() < kills:
        root = folder / f"hub-{killed.total()}"
        data(root).parent.mkdir(parents=True)
        server = Server(data(root))
        server.start()
        besieged = Siege(server, random, work)
        try:
            while len(besieged.killed) < min(_KILLS_PER_HUB, kills - killed.total()):
                besieged.round()
            besieged.end(root)
        except Exception as error:
            error.add_note(f"seed {seed}, after {killed.total()} + {len(besieged.killed)} kills\n{_tail(server.log)}")
            raise
        finally:
            server.kill()
            besieged.hub.close()
        killed.update(besieged.killed)
    return killed


def _tail(log: Path) -> str:
    return log.read_text()[-3000:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", choices=WORK, default="everything")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        killed = siege(Path(folder), asked.kills, asked.seed, WORK[asked.work])
    print(f"kills: {killed.total()}, {asked.work}, seed {asked.seed}: {dict(killed.most_common())}; no fault")
    print(f"time: {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
