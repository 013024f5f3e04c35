"""Two hubs in one process that swap: each with an operator, and a wire to the other that can be cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tukar.catalog import users
from tukar.catalog.values import Identity
from tukar.config import Config
from tukar.errors import RepoNotFound, Unavailable
from tukar.exchange import identity as identities
from tukar.exchange import peers, summaries, swaps
from tukar.exchange.local import LocalSource
from tukar.exchange.offers import Reference
from tukar.exchange.peers import Peer
from tukar.exchange.remote import Bases
from tukar.exchange.swaps import Record
from tukar.hub import Hub, open_hub
from tukar.objects.sources import BytesSource
from tukar.objects.stream import Start
from tukar.signing import Envelope
from tukar.types import Digest, RepoId
from tukar.usecases import commit, fetch, publish, repositories, swap, swap_talk
from tukar.usecases.commit import LargeFile, RegularFile, Request
from tukar.usecases.services import Services
from tukar.usecases.swap import Proposal
from tukar.usecases.swap_run import PAUSE, Turns, drive, drive_in_turn

START = 1_700_000_000.0
CARD = b"---\nlicense: apache-2.0\nbase_model: acme/base\n---\n# A model\n"
WEIGHTS = "weights.safetensors"


@dataclass
class Wire:
    """The way from ``near`` to ``far``: it may be cut, and it counts. ``before`` is told of every use."""

    near: Party
    far: Party
    cut: bool = False
    nbytes: int = 0
    before: Callable[[str], None] = lambda _: None

    def post(self, swap_id: str, statements: Sequence[Envelope]) -> list[Envelope]:
        self._use("post")
        answers = swap_talk.answer(self.far.services, self.far.peer(self.near.name), swap_id, statements)
        self._use("answer")
        return answers

    def objects(self, swap_id: str) -> Any:
        def bases(wanted: Sequence[Digest]) -> Bases:
            self._use("bases")
            return self._source(swap_id).bases(wanted)

        return SimpleNamespace(bases=bases, read=partial(self._read, swap_id))

    def _source(self, swap_id: str) -> LocalSource:
        return swap_talk.source(self.far.services, self.far.peer(self.near.name), swap_id)

    @contextmanager
    def _read(
        self, swap_id: str, wanted: Sequence[Digest], start: Start | None, differences: Collection[Digest] = ()
    ) -> Iterator[Iterator[bytes]]:
        self._use("read")
        yield self._counted(self._source(swap_id).give(wanted, start, differences))

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._use("piece")
            self.nbytes += len(piece)
            yield piece

    def _use(self, what: str) -> None:
        self.before(what)
        if self.cut:
            raise Unavailable("the other hub does not answer")


@dataclass
class Party:
    """A hub with an operator, who is its administrator."""

    name: str
    hub: Hub
    now: list[float]
    wires: dict[str, Wire] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        return self.hub.services

    @property
    def operator(self) -> Identity:
        with self.services.database.read() as tx:
            return Identity(users.get(tx, "admin"), "write")

    def peer(self, name: str) -> Peer:
        with self.services.database.read() as tx:
            return peers.get(tx, name)

    def publish(self, name: str, weights: bytes, *, private: bool = False) -> str:
        """A repository with a card and weights; the commit."""
        repo_id, who = RepoId("admin", name), self.operator
        repositories.create(self.services, who, repo_id, private=private)
        assert who.user is not None
        sha256 = fetchable(self.services, who.user.id, weights)
        changes = [LargeFile(WEIGHTS, sha256, len(weights)), RegularFile("README.md", BytesSource(CARD))]
        return commit.commit(self.services, who, repo_id, Request(changes, title="Publish"))[1].oid

    def offer(self, other: str, *, give: Sequence[str] = ("base",), take: Sequence[str] = ("child",)) -> str:
        given, taken = (tuple(Reference(RepoId("admin", name), "main") for name in names) for names in (give, take))
        proposal = Proposal(other, given, taken, {})
        return swap.offer(self.services, self.operator, proposal).record.id

    def accept(self, swap_id: str, into: dict[RepoId, RepoId] | None = None) -> None:
        swap.accept(self.services, self.operator, swap_id, into or {})

    def run(self, swap_id: str) -> None:
        """What the job does, once."""
        drive(self.services, self._meet, _context(swap_id))

    def run_in_turn(self, swap_id: str, turns: Turns) -> None:
        """What the job does, while others may be at work."""
        drive_in_turn(self.services, self._meet, _context(swap_id), turns, PAUSE)

    def _meet(self, _: Services, peer: Peer) -> AbstractContextManager[Wire]:
        @contextmanager
        def reach() -> Iterator[Wire]:
            yield self.wires[peer.name]

        return reach()

    def record(self, swap_id: str) -> Record:
        with self.services.database.read() as tx:
            return swaps.get(tx, swap_id)

    def swap_ids(self) -> list[str]:
        with self.services.database.read() as tx:
            return [summary.id for summary in summaries.summaries(tx)]

    def has(self, repo: str) -> bool:
        try:
            fetch.find(self.services, self.operator, RepoId.parse(repo), "main")
        except RepoNotFound:
            return False
        return True

    def read(self, repo: str, path: str = WEIGHTS) -> bytes:
        found = fetch.find(self.services, self.operator, RepoId.parse(repo), "main", path)
        assert found.entry is not None
        reader = fetch.open_entry(self.services, found.entry)
        return reader.read(0, reader.size)


def _context(swap_id: str) -> Any:
    ignored: Any = lambda *_, **__: None  # noqa: E731
    return SimpleNamespace(payload={"swap": swap_id}, progress=ignored, checkpoint=ignored)


def fetchable(services: Services, user_id: int, data: bytes) -> str:
    """Store bytes that a user sent; their sha256."""
    sha256 = hashlib.sha256(data).hexdigest()
    publish.receive(services, user_id, BytesSource(data), sha256)
    return sha256


@contextmanager
def open_party(name: str, data: Path) -> Iterator[Party]:
    """The hub in ``data``, open."""
    now = [START]
    config = Config(data=data, admin_token="tests-administrator", gc_every=0.0, check_every=0.0, repack_every=0.0)
    with open_hub(config, lambda: now[0]) as hub:
        yield Party(name, hub, now)


def introduce(one: Party, other: Party) -> None:
    """Each becomes a peer of the other."""
    for near, far in ((one, other), (other, one)):
        with far.services.database.read() as tx:
            key = identities.current(tx).public
        with near.services.database.write() as tx:
            peers.add(tx, far.name, f"http://{far.name}.example", key, now=START)


def connect(one: Party, other: Party) -> None:
    """A wire each way."""
    one.wires[other.name] = Wire(one, other)
    other.wires[one.name] = Wire(other, one)


def settle(parties: Sequence[Party], swap_id: str) -> None:
    """Both go on until nothing is left to do."""
    for _ in range(4):
        for party in parties:
            if swap_id in party.swap_ids():
                party.run(swap_id)
