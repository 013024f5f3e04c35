"""What a repository's files cost: what is its own, and what it shares."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.catalog.values import Identity
from tukar.config import Config
from tukar.hub import Hub, open_hub
from tukar.objects.sizes import FileSize
from tukar.objects.sources import BytesSource
from tukar.testing.models import tiny_safetensors
from tukar.types import RepoId
from tukar.usecases import accounts, commit, publish, repositories, stats

TOKEN = "tests-administrator-0123456789abcdef"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with open_hub(Config(data=tmp_path / "data", admin_token=TOKEN)) as opened:
        yield opened


def push(hub: Hub, who: Identity, name: str, content: bytes, *, private: bool = False) -> None:
    where, sha256 = RepoId.parse(name), hashlib.sha256(content).hexdigest()
    assert who.user
    repositories.create(hub.services, who, where, private=private)
    publish.receive(hub.services, who.user.id, BytesSource(content), sha256)
    change = commit.LargeFile("model.safetensors", sha256, len(content))
    commit.commit(hub.services, who, where, commit.Request([change], "Add weights"))


def cost(hub: Hub, who: Identity, name: str) -> FileSize:
    ((_, size),) = stats.repository_sizes(hub.services, who, RepoId.parse(name), "main").files
    return size


def test_a_file_is_its_own_until_another_repository_has_it_too(hub: Hub) -> None:
    admin = accounts.authenticate(hub.services, TOKEN)
    weights = tiny_safetensors(1)
    push(hub, admin, "admin/one", weights)
    alone = cost(hub, admin, "admin/one")
    assert alone.own == alone.stored > 0

    push(hub, admin, "admin/two", weights)

    for name in ("admin/one", "admin/two"):
        assert cost(hub, admin, name) == FileSize(len(weights), alone.stored, 0)


def test_who_may_not_read_the_other_repository_is_not_told(hub: Hub) -> None:
    admin = accounts.authenticate(hub.services, TOKEN)
    accounts.add_user(hub.services, admin, "ana")
    ana = accounts.authenticate(hub.services, accounts.add_token(hub.services, admin, "ana", "laptop", "write"))
    weights = tiny_safetensors(2)
    push(hub, ana, "ana/public", weights)
    before = cost(hub, ana, "ana/public")

    push(hub, admin, "admin/secret", weights, private=True)

    assert cost(hub, ana, "ana/public") == before
    assert cost(hub, admin, "ana/public").own == 0
