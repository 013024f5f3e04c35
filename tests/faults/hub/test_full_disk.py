"""A hub whose disk is full says so, shows nothing by half, keeps what it has, and goes on once there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .disk import Disk, can_mount, disk
from .process import Died, Server
from .remote import Failed, Remote
from .steps import AddUser, Check, Collect, Commit, Create, Delete, Send, Step
from .verify import do
from .world import World

pytestmark = pytest.mark.skipif(not can_mount(), reason="may not mount a disk of our own")

UNAVAILABLE = 503
HINTS = ("free some space", "not full", "disk is full")

BEFORE: list[Step] = [
    Create("admin/kept"),
    Send("model 1"),
    Send("xet 1"),
    Commit("admin/kept", "before", {"m": "model 1", "x": "xet 1", "README.md": "text 1"}),
    Send("noise 7"),
]
STEPS: list[Step] = [
    Send("noise 8"),
    Send("model 2"),
    Send("xet 2"),
    Commit("admin/kept", "meanwhile", {"n": "noise 7", "README.md": "text 80"}),
    Create("admin/new"),
    AddUser("alice"),
]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path / "disk", 6 << 20) as made:
        yield made


@pytest.fixture
def server(full: Disk) -> Iterator[Server]:
    made = Server(full.place / "data", full.prefix)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def hub(server: Server) -> Iterator[Remote]:
    made = Remote(server.url)
    yield made
    made.close()


def refusal(step: Step, hub: Remote) -> Failed | None:
    """How the hub refuses; None if it does it all the same."""
    try:
        step.do(hub)
    except Failed as error:
        return error
    return None


@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 4, 16, 40, 64, 100, 200, 400])
def test_every_step_is_done_or_refused_and_can_be_done_later(full: Disk, hub: Remote, free: int) -> None:
    world = do(BEFORE, hub, World())
    refused: list[Step] = []
    for step in STEPS:
        full.fill(but=free << 10)
        error = refusal(step, hub)
        if error is None:
            world = step.after(world)
        else:
            refused.append(step)
            assert error.status == UNAVAILABLE, str(error)
            assert any(hint in str(error) for hint in HINTS), str(error)
        assert world.differences(hub.look()) == []
    assert refused or free
    full.free()
    assert world.differences(hub.look()) == []
    world = do([*refused, Collect(), Check()], hub, world)
    assert world.differences(hub.look()) == []


@pytest.mark.slow
def test_a_collection_waits_for_room(full: Disk, hub: Remote) -> None:
    world = do([*BEFORE, Send("noise 11"), Delete("admin/kept")], hub, World())
    full.fill(but=24 << 10)
    number = hub.submit("gc", {"grace": 0, "upload_window": 0})
    hub.look()
    full.free()
    if (job := hub.ended(number))["state"] == "failed":
        assert any(hint in job["error"] for hint in HINTS), job["error"]
        hub.collect(0, 0)
    assert hub.look() == World(users=world.users)


def test_uploads_until_the_disk_is_full(full: Disk, hub: Remote) -> None:
    world, number = do(BEFORE, hub, World()), 10
    full.fill(but=2 << 20)
    while (error := refusal(step := Send(f"noise {number}"), hub)) is None:
        world, number = step.after(world), number + 1
    assert number > 20
    assert error.status == UNAVAILABLE
    assert world.differences(hub.look()) == []
    full.free()
    world = do([step, Check()], hub, world)
    assert world.differences(hub.look()) == []


def test_nothing_is_left_of_what_was_refused(full: Disk, hub: Remote) -> None:
    do(BEFORE, hub, World())
    full.fill(but=64 << 10)
    for step in STEPS:
        refusal(step, hub)
    data = full.inside / "data"
    assert [path for place in ("objects/tmp", "staging/spool") for path in (data / place).iterdir()] == []


@pytest.mark.slow
def test_a_hub_starts_again_once_there_is_room(full: Disk, server: Server, hub: Remote) -> None:
    world = do(BEFORE, hub, World())
    server.kill()
    full.fill(but=0)
    refused = None
    try:
        server.start()
    except Died as error:
        refused = str(error)
    assert refused is None or any(hint in refused for hint in HINTS), refused
    server.kill()
    full.free()
    server.start()
    assert world.differences(hub.look()) == []
    do([Send("noise 9"), Check()], hub, world)


@pytest.mark.slow
def test_a_hub_that_was_killed_while_the_disk_was_full_recovers(full: Disk, server: Server, hub: Remote) -> None:
    world = do(BEFORE, hub, World())
    full.fill(but=100 << 10)
    for step in STEPS:
        world = world if refusal(step, hub) else step.after(world)
    server.kill()
    full.free()
    server.start()
    assert world.differences(hub.look()) == []
    assert hub.check() == []


@pytest.mark.slow
def test_on_a_read_only_disk_a_start_says_so(full: Disk, server: Server, hub: Remote) -> None:
    world = do(BEFORE, hub, World())
    server.kill()
    full.make_read_only()
    with pytest.raises(Died, match="read-only"):
        server.start()
    full.make_writable()
    server.start()
    assert world.differences(hub.look()) == []
