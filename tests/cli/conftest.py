"""A real hub for all tests of the command line, and commands that speak to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fake import FakeHub
from .files import noise
from .hub import Commands, HubProcess, Way


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path_factory.mktemp("hub") / "data").start()
    yield hub
    assert hub.stop() == 0


@pytest.fixture
def tukar(hub: HubProcess, tmp_path: Path) -> Commands:
    """Commands of the administrator."""
    home = tmp_path / "home"
    home.mkdir()
    return Commands(hub.url, home)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository that only this test uses, not made yet."""
    return "admin/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:80].strip("-")


@pytest.fixture
def way(hub: HubProcess) -> Iterator[Way]:
    way = Way(hub.url)
    yield way
    way.close()


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    fake = FakeHub({"w.bin": noise(1, 300_000), "v.bin": noise(2, 10)})
    yield fake
    fake.close()


@pytest.fixture
def deceived(tukar: Commands, fake: FakeHub) -> Commands:
    """Commands that speak to the fake hub."""
    return tukar.at(fake.url)
