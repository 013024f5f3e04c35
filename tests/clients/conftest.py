"""The hub, and stock clients of several generations as fixtures."""

import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .client import Client
from .environments import Environment, environment
from .hub import ADMIN_TOKEN, Hub

ROOT = Path(__file__).parents[2]

# What a client is: the environment it runs in, and what its user has set.
KINDS = {
    "2.4-xet": ("2.4-xet", {}),
    "0.36-lfs": ("0.36-lfs", {}),
    "2.4-lfs": ("2.4-xet", {"HF_HUB_DISABLE_XET": "1"}),
    "0.36-xet": ("0.36-xet", {}),
}
# The two ways bytes travel stay in the fast suite, each with the client that knows no other.
CORE = ("2.4-xet", "0.36-lfs")

MakeClient = Callable[[str], Client]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--client-envs", default=None, help="folder of the stock clients' environments (.venvs)")


@pytest.fixture(scope="session")
def environments(request: pytest.FixtureRequest) -> Callable[[str], Environment]:
    folder = Path(request.config.getoption("--client-envs", default=None) or ROOT / ".venvs")
    built: dict[str, Environment] = {}

    def get(name: str) -> Environment:
        if name not in built:
            built[name] = environment(name, folder)
        return built[name]

    return get


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with fresh data for one module of tests."""
    hub = Hub(tmp_path_factory.mktemp("hub") / "data")
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def make_client(hub: Hub, environments: Callable[[str], Environment], tmp_path: Path) -> MakeClient:
    """A client of a kind, as the administrator, on a machine that has not met the hub."""

    def make(kind: str) -> Client:
        name, settings = KINDS[kind]
        return Client(environments(name), tmp_path / f"home-{kind}", hub.url, ADMIN_TOKEN, settings)

    return make


@pytest.fixture(params=[kind if kind in CORE else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS])
def client(request: pytest.FixtureRequest, make_client: MakeClient) -> Client:
    """Each kind of client in turn."""
    return make_client(request.param)


@pytest.fixture
def newest(make_client: MakeClient) -> Client:
    return make_client("2.4-xet")


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """The name of a repository that only this test uses, not created yet."""
    return "admin/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:80].strip("-")


@pytest.fixture
def seed(repository: str) -> int:
    """Contents of this seed are this test's alone: nothing another test pushed can stand in for them."""
    return zlib.crc32(repository.encode())


@pytest.fixture
def created(client: Client, repository: str) -> str:
    """The same, created."""
    client.api("create_repo", repo_id=repository)
    return repository
