"""Two hubs swap models: both have what they were to get in the end, or neither has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tukar.catalog.values import Identity
from tukar.errors import Conflict, NotFound, RepoNotFound, Unavailable
from tukar.exchange import identity as identities
from tukar.exchange import peers, swaps
from tukar.exchange.offers import Reference
from tukar.exchange.peers import Peer
from tukar.exchange.requests import Wish
from tukar.exchange.states import State
from tukar.exchange.swaps import Record
from tukar.jobs import queue
from tukar.objects.stream import Start
from tukar.signing import Envelope
from tukar.testing.models import tiny_safetensors
from tukar.types import Digest, RepoId
from tukar.usecases import fetch, request, swap, swap_talk
from tukar.usecases.collect import collect
from tukar.usecases.services import Services
from tukar.usecases.swap import Proposal
from tukar.usecases.swap_run import Turns, drive

from .conftest import Desk, open_desk, regular

BASE = tiny_safetensors(0)
CHILD = tiny_safetensors(0, metadata={"format": "pt"})
CARD = b"---\nlicense: apache-2.0\nbase_model: acme/base\n---\n# Child\n"


class Nobody(Exception):
    """A test's own interruption."""


@dataclass
class Wire:
    """The way to the other hub: it may be cut, and it counts."""

    far: Party
    near: Party
    cut: bool = False
    bytes: int = 0
    before: Callable[[str], None] = lambda _: None

    def post(self, swap_id: str, statements: Sequence[Envelope]) -> list[Envelope]:
        self._use("post")
        return swap_talk.answer(self.far.services, self.far.peer(self.near), swap_id, statements)

    def objects(self, swap_id: str) -> Any:
        return SimpleNamespace(read=lambda wanted, start: self._read(swap_id, wanted, start))

    @contextmanager
    def _read(self, swap_id: str, wanted: Sequence[Digest], start: Start | None) -> Iterator[Iterator[bytes]]:
        self._use("read")
        yield self._counted(swap_talk.serve(self.far.services, self.far.peer(self.near), swap_id, wanted, start).pieces)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._use("piece")
            self.bytes += len(piece)
            yield piece

    def _use(self, what: str) -> None:
        self.before(what)
        if self.cut:
            raise Unavailable("the other hub does not answer")


@dataclass
class Party:
    """A hub with an operator."""

    name: str
    desk: Desk
    wires: dict[str, Wire] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        return self.desk.services

    @property
    def operator(self) -> Identity:
        return self.desk.identity("admin")

    def peer(self, other: Party) -> Peer:
        with self.services.database.read() as tx:
            return peers.get(tx, other.name)

    def meet(self, _: Services, peer: Peer) -> Any:
        @contextmanager
        def reach() -> Iterator[Wire]:
            yield self.wires[peer.name]

        return reach()

    def run(self, swap_id: str) -> None:
        context: Any = SimpleNamespace(
            payload={"swap": swap_id}, progress=lambda *_, **__: None, checkpoint=lambda: None
        )
        drive(self.services, self.meet, context)

    def record(self, swap_id: str) -> Record:
        with self.services.database.read() as tx:
            return swaps.get(tx, swap_id)

    def read(self, repo: str, path: str) -> bytes:
        found = fetch.find(self.services, self.operator, RepoId.parse(repo), "main", path)
        assert found.entry is not None
        reader = fetch.open_entry(self.services, found.entry)
        return reader.read(0, reader.size)

    def has(self, repo: str) -> bool:
        try:
            fetch.find(self.services, self.operator, RepoId.parse(repo), "main")
        except RepoNotFound:
            return False
        return True

    def publish(self, name: str, weights: bytes, *, private: bool = False) -> str:
        repository = self.desk.repository("admin", name, private=private)
        large = self.desk.send(weights, "admin")
        commit = self.desk.commit(repository, large, regular("README.md", CARD))
        return commit.oid


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[tuple[Party, Party]]:
    with open_desk(tmp_path / "a") as a, open_desk(tmp_path / "b") as b:
        ours, theirs = Party("ours", a), Party("theirs", b)
        for near, far in ((ours, theirs), (theirs, ours)):
            with far.services.database.read() as tx:
                key = identities.current(tx).public
            with near.services.database.write() as tx:
                peers.add(tx, far.name, f"http://{far.name}.example", key, now=0.0)
            near.wires[far.name] = Wire(far, near)
        yield ours, theirs


def make_offer(ours: Party, *, give: Sequence[str] = ("base",), take: Sequence[str] = ("child",)) -> str:
    proposal = Proposal(
        "theirs",
        tuple(Reference(RepoId("admin", name), "main") for name in give),
        tuple(Reference(RepoId("admin", name), "main") for name in take),
        {},
    )
    return swap.offer(ours.services, ours.operator, proposal).record.id


def settle(parties: Sequence[Party], swap_id: str) -> None:
    for _ in range(4):
        for party in parties:
            party.run(swap_id)


def offered(ours: Party, theirs: Party) -> str:
    ours.publish("base", BASE)
    theirs.publish("child", CHILD)
    swap_id = make_offer(ours)
    ours.run(swap_id)
    return swap_id


def test_both_have_it_in_the_end(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    assert theirs.record(swap_id).swap.state is State.OFFERED
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    settle(hubs, swap_id)
    for party in hubs:
        assert party.record(swap_id).swap.state is State.PUBLISHED
        assert party.record(swap_id).swap.settled
    assert ours.read("admin/child", "weights.bin") == CHILD
    assert theirs.read("admin/base", "weights.bin") == BASE
    assert theirs.read("admin/base", "README.md") == CARD
    receipts = [party.record(swap_id).receipt for party in hubs]
    assert receipts[0] == receipts[1] is not None
    for party in hubs:
        collect(party.services, grace=0, upload_window=0)
        assert list(party.services.objects.checker(0).run()) == []
    assert ours.read("admin/child", "weights.bin") == CHILD


def test_shared_tensors_do_not_travel(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    settle(hubs, swap_id)
    assert ours.wires["theirs"].bytes < len(CHILD) / 2
    moved = ours.record(swap_id).moved
    assert moved.total == len(CHILD) + len(CARD)
    assert 0 < moved.avoided < moved.total


def test_what_is_private_here_travels_all_the_same(hubs: tuple[Party, Party]) -> None:
    """Not to ask for a tensor would tell that it is here."""
    ours, theirs = hubs
    secret = random.Random(1).randbytes(32_000)
    ours.publish("secret", secret, private=True)
    theirs.publish("child", secret)
    swap_id = make_offer(ours, give=[])
    ours.run(swap_id)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    settle(hubs, swap_id)
    assert ours.wires["theirs"].bytes > len(secret)


def test_a_gift(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    ours.publish("base", BASE)
    swap_id = make_offer(ours, take=[])
    ours.run(swap_id)
    swap.accept(theirs.services, theirs.operator, swap_id, {RepoId("admin", "base"): RepoId("admin", "given")})
    settle(hubs, swap_id)
    assert theirs.read("admin/given", "weights.bin") == BASE
    assert ours.record(swap_id).swap.state is State.PUBLISHED


def test_a_request_is_closed_by_the_swap_that_answers_it(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    ours.publish("base", BASE)
    wanted = request.make(theirs.services, theirs.operator, Wish("A model for this test"), 86_400)
    given = (Reference(RepoId("admin", "base"), "main"),)
    proposal = Proposal("theirs", given, (), {}, request=wanted.request.id)
    swap_id = swap.offer(ours.services, ours.operator, proposal).record.id
    ours.run(swap_id)
    assert [entry.request.id for entry in request.listing(theirs.services, theirs.operator)] == [wanted.request.id]
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    settle(hubs, swap_id)
    assert request.listing(theirs.services, theirs.operator) == []
    assert request.get(theirs.services, theirs.operator, wanted.request.id).swap_id == swap_id


def test_a_refusal(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.refuse(theirs.services, theirs.operator, swap_id, "no, thank you")
    settle(hubs, swap_id)
    assert ours.record(swap_id).swap.state is State.REFUSED
    assert ours.record(swap_id).reason == "no, thank you"
    assert not ours.has("admin/child")


def test_a_cancellation_leaves_nothing(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    theirs.run(swap_id)
    assert theirs.record(swap_id).swap.state is State.PREPARED
    swap.cancel(ours.services, ours.operator, swap_id, "changed our mind")
    settle(hubs, swap_id)
    assert theirs.record(swap_id).swap.state is State.CANCELLED
    assert not theirs.has("admin/base")
    for party in hubs:
        assert not any(party.services.arrivals.glob("*/stream"))
        with party.services.database.read() as tx:
            from tukar.objects.tables import held_files, held_objects

            assert tx.execute(held_files.select()).all() == []
            assert tx.execute(held_objects.select()).all() == []


def test_what_is_taken_may_be_deleted_in_between(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    from tukar.usecases import repositories

    repositories.delete(theirs.services, theirs.operator, RepoId("admin", "child"))
    collect(theirs.services, grace=0, upload_window=0)
    settle(hubs, swap_id)
    assert ours.read("admin/child", "weights.bin") == CHILD


def test_a_name_that_was_taken_meanwhile_is_no_obstacle(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    theirs.desk.repository("admin", "base")
    settle(hubs, swap_id)
    assert theirs.read(f"admin/base-{swap_id[:8]}", "weights.bin") == BASE


def test_several_that_are_to_go_by_one_name(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    names = ["base", "other", "third"]
    for name in names:
        ours.publish(name, name.encode() * 20_000)
    swap_id = make_offer(ours, give=names, take=[])
    ours.run(swap_id)
    into = {RepoId("admin", name): RepoId("admin", "given") for name in names}
    swap.accept(theirs.services, theirs.operator, swap_id, into)
    settle(hubs, swap_id)
    came = [f"admin/given{ending}" for ending in ("", f"-{swap_id[:8]}", f"-{swap_id[:8]}-1")]
    assert [theirs.read(name, "weights.bin")[:4] for name in came] == [b"base", b"othe", b"thir"]


def test_a_place_that_is_taken_is_told_at_once(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    theirs.desk.repository("admin", "base")
    with pytest.raises(Conflict, match="admin/base exists here"):
        swap.accept(theirs.services, theirs.operator, swap_id, {})


def test_a_swap_is_looked_at_again_by_itself(hubs: tuple[Party, Party]) -> None:
    """Though the job that looks at it is still there when it asks for the next."""
    ours, _ = hubs
    ours.publish("base", BASE)
    swap_id = make_offer(ours, take=[])
    ours.wires["theirs"].cut = True
    with ours.services.database.write() as tx:
        job = queue.claim(tx, ["swap"], "a worker", ours.services.clock(), 60)
    assert job is not None
    ours.run(swap_id)
    with ours.services.database.write() as tx:
        queue.complete(tx, job, {}, ours.services.clock())
        (following,) = queue.listing(tx, kinds=["swap"], states=["queued"])
    assert following.payload == {"swap": swap_id}
    assert following.run_at > ours.services.clock()


def test_a_swap_has_one_job_at_a_time() -> None:
    turns = Turns()
    with turns.take("a") as first, turns.take("a") as second, turns.take("b") as other:
        assert (first, second, other) == (True, False, True)
    with turns.take("a") as again:
        assert again


def test_a_hub_that_is_away_is_waited_for(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    for party in hubs:
        next(iter(party.wires.values())).cut = True
    settle(hubs, swap_id)
    assert "does not answer" in (theirs.record(swap_id).error or "")
    for party in hubs:
        next(iter(party.wires.values())).cut = False
    settle(hubs, swap_id)
    assert [party.record(swap_id).swap.state for party in hubs] == [State.PUBLISHED] * 2
    assert theirs.record(swap_id).error is None


@pytest.mark.parametrize("after", range(0, 60, 3))
def test_an_interruption_anywhere_is_got_over(hubs: tuple[Party, Party], after: int) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    swap.accept(theirs.services, theirs.operator, swap_id, {})
    count = 0

    def interrupt(_: str) -> None:
        nonlocal count
        count += 1
        if count == after + 1:
            raise Nobody

    for party in hubs:
        next(iter(party.wires.values())).before = interrupt
    for party in (theirs, ours, theirs, ours, theirs, ours):
        try:
            party.run(swap_id)
        except Nobody:
            states = [p.record(swap_id).swap.state for p in hubs]
            assert not (State.PUBLISHED in states and State.CANCELLED in states)
    settle(hubs, swap_id)
    assert ours.read("admin/child", "weights.bin") == CHILD
    assert theirs.read("admin/base", "weights.bin") == BASE


def test_an_offer_expires(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    for party in hubs:
        party.desk.now[0] += 8 * 86_400
    with pytest.raises(Conflict, match="expired"):
        swap.accept(theirs.services, theirs.operator, swap_id, {})
    settle(hubs, swap_id)
    assert [party.record(swap_id).swap.state for party in hubs] == [State.CANCELLED] * 2


def test_a_stranger_knows_of_no_swap(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    with theirs.services.database.write() as tx:
        from tukar.signing import SigningKey

        stranger = peers.add(tx, "stranger", "http://stranger.example", SigningKey.generate().public, now=0.0)
    statement = ours.record(swap_id).offer_envelope
    with pytest.raises((NotFound, Conflict, Exception)):
        swap_talk.answer(theirs.services, stranger, swap_id, [statement])
    with pytest.raises(NotFound):
        swap_talk.serve(theirs.services, stranger, swap_id, [], None)
    assert len(theirs.services.database.faults()) == 0
