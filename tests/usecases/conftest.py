"""A hub that nobody serves, with some people."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tukar.catalog import tokens, users
from tukar.catalog.values import Commit, Identity, Repository, Role, User
from tukar.config import Config
from tukar.hub import Hub, open_hub
from tukar.objects.sources import BytesSource
from tukar.testing.xet import MadeXorb
from tukar.types import RepoId
from tukar.usecases import commit, publish, repositories
from tukar.usecases.commit import Change, LargeFile, RegularFile, Request
from tukar.usecases.services import Services


@dataclass
class Desk:
    """What the tests do with a hub."""

    hub: Hub
    now: list[float]
    people: dict[str, User] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        return self.hub.services

    def identity(self, name: str = "alice", role: Role = "write") -> Identity:
        if name not in self.people:
            with self.services.database.write() as tx:
                found = users.find(tx, name)
                self.people[name] = found or users.create(tx, name, now=self.now[0])
        return Identity(self.people[name], role)

    def repository(self, owner: str = "alice", name: str = "model", *, private: bool = False) -> Repository:
        return repositories.create(self.services, self.identity(owner), RepoId(owner, name), private=private)

    def send(self, data: bytes, user: str = "alice") -> LargeFile:
        """Sends a file; as a commit names it."""
        who = self.identity(user).user
        assert who is not None
        sha256 = hashlib.sha256(data).hexdigest()
        publish.receive(self.services, who.id, BytesSource(data), sha256)
        return LargeFile("weights.bin", sha256, len(data))

    def send_xorb(self, xorb: MadeXorb, user: str = "alice") -> None:
        who = self.identity(user).user
        assert who is not None
        body = self.hub.spool / "body"
        body.write_bytes(xorb.body)
        self.services.xorbs.receive(who.id, xorb.hash, body, self.now[0])

    def commit(self, repository: Repository, *changes: Change, user: str | None = None, title: str = "t") -> Commit:
        request = Request(changes, title=title)
        identity = self.identity(user or repository.namespace)
        return commit.commit(self.services, identity, repository.repo_id, request)[1]

    def token(self, name: str, role: Role) -> str:
        with self.services.database.write() as tx:
            return tokens.create(tx, users.get(tx, name), "t", role, now=self.now[0])


def regular(path: str, data: bytes) -> RegularFile:
    return RegularFile(path, BytesSource(data))


@contextmanager
def open_desk(data: Path) -> Iterator[Desk]:
    now = [1_700_000_000.0]
    config = Config(data=data, admin_token="tests-administrator", gc_every=0.0, check_every=0.0, repack_every=0.0)
    with open_hub(config, lambda: now[0]) as hub:
        yield Desk(hub, now)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as made:
        yield made
