"""A hub as a process, killed with SIGKILL again and again: nothing acknowledged is lost, and people just try again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from .process import Died, Server
from .remote import Remote
from .siege import WORK, siege
from .steps import Check, Commit, Create, Send, Step
from .verify import do
from .world import World


def test_a_hub_that_is_killed_now_and_then(scratch: Path) -> None:
    assert siege(scratch, kills=5, seed=4).total() >= 5


@pytest.mark.slow
def test_a_hub_that_is_killed_a_hundred_times(scratch: Path) -> None:
    killed = siege(scratch, kills=100, seed=5)
    assert killed.total() >= 100
    assert {"Send", "Commit", "Collect", "Check", "start"} <= killed.keys()


@pytest.mark.slow
def test_a_hub_that_is_killed_while_it_encodes_anew(scratch: Path) -> None:
    killed = siege(scratch, kills=12, seed=7, work=WORK["repack"])
    assert {"Repack", "Collect"} & killed.keys()


BEFORE: list[Step] = [Create("admin/a"), Send("xet 1"), Commit("admin/a", "before", {"x": "xet 1"})]


@pytest.mark.slow
def test_a_start_that_is_killed_again_and_again(scratch: Path) -> None:
    server, random = Server(scratch / "data"), Random(6)
    server.start()
    hub = Remote(server.url)
    world = do(BEFORE, hub, World())
    server.kill()
    for _ in range(10):
        with pytest.raises(Died):
            server.start(random.randrange(1, 40))
    server.start()
    assert world.differences(hub.look()) == []
    do([Check()], hub, world)
    server.kill()
    hub.close()
