"""Two hubs swap models: both have what they were to get in the end, or neither has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from tests.faults.swap.party import CARD, Party, connect, introduce, open_party, settle

from tukar.errors import Conflict, NotFound, TukarError
from tukar.exchange import peers, swaps, tables
from tukar.exchange.handovers import Handover
from tukar.exchange.offers import Reference
from tukar.exchange.requests import Wish
from tukar.exchange.states import State
from tukar.jobs import Job, queue
from tukar.objects.tables import held_files, held_objects
from tukar.signing import SigningKey
from tukar.testing.models import tiny_safetensors
from tukar.types import RepoId
from tukar.usecases import repositories, request, swap, swap_run, swap_talk
from tukar.usecases.collect import collect
from tukar.usecases.swap import Proposal
from tukar.usecases.swap_run import Turns

BASE = tiny_safetensors(0)
CHILD = tiny_safetensors(0, metadata={"format": "pt"})


class Nobody(Exception):
    """A test's own interruption."""


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[tuple[Party, Party]]:
    with open_party("ours", tmp_path / "a") as ours, open_party("theirs", tmp_path / "b") as theirs:
        introduce(ours, theirs)
        connect(ours, theirs)
        yield ours, theirs


def offered(ours: Party, theirs: Party) -> str:
    ours.publish("base", BASE)
    theirs.publish("child", CHILD)
    swap_id = ours.offer("theirs")
    ours.run(swap_id)
    return swap_id


def accepted(ours: Party, theirs: Party) -> str:
    swap_id = offered(ours, theirs)
    theirs.accept(swap_id)
    return swap_id


def test_both_have_it_in_the_end(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    assert theirs.record(swap_id).swap.state is State.OFFERED
    theirs.accept(swap_id)
    settle(hubs, swap_id)
    for party in hubs:
        assert party.record(swap_id).swap.state is State.PUBLISHED
        assert party.record(swap_id).swap.settled
    assert ours.read("admin/child") == CHILD
    assert theirs.read("admin/base") == BASE
    assert theirs.read("admin/base", "README.md") == CARD
    receipts = [party.record(swap_id).receipt for party in hubs]
    assert receipts[0] == receipts[1] is not None
    for party in hubs:
        collect(party.services, grace=0, upload_window=0)
        assert list(party.services.objects.checker(0).run()) == []
    assert ours.read("admin/child") == CHILD


def test_what_is_kept_in_short_is_what_the_receipt_says(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    settle(hubs, swap_id)
    for party in hubs:
        (found,) = swap.receipts(party.services, party.operator, RepoId("admin", "base"))
        assert found == Handover.of(party.record(swap_id))
        assert {*found.given, *found.coming} == {RepoId("admin", "base"), RepoId("admin", "child")}
        with party.services.database.read() as tx:
            (kept,) = tx.execute(sa.select(tables.swaps.c.handed_over)).scalars()
        assert kept is not None
        assert swap.receipt(party.services, swap_id) == party.record(swap_id).receipt


def test_shared_tensors_do_not_travel(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    settle(hubs, swap_id)
    assert ours.wires["theirs"].nbytes < len(CHILD) / 2
    moved = ours.record(swap_id).moved
    assert moved.total == len(CHILD) + len(CARD)
    assert 0 < moved.avoided < moved.total


def test_what_is_private_here_travels_all_the_same(hubs: tuple[Party, Party]) -> None:
    """Not to ask for a tensor would tell that it is here."""
    ours, theirs = hubs
    secret = random.Random(1).randbytes(32_000)
    ours.publish("secret", secret, private=True)
    theirs.publish("child", secret)
    swap_id = ours.offer("theirs", give=[])
    ours.run(swap_id)
    theirs.accept(swap_id)
    settle(hubs, swap_id)
    assert ours.wires["theirs"].nbytes > len(secret)


def test_a_gift(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    ours.publish("base", BASE)
    swap_id = ours.offer("theirs", take=[])
    ours.run(swap_id)
    theirs.accept(swap_id, {RepoId("admin", "base"): RepoId("admin", "given")})
    settle(hubs, swap_id)
    assert theirs.read("admin/given") == BASE
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
    theirs.accept(swap_id)
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
    swap_id = accepted(ours, theirs)
    theirs.run(swap_id)
    assert theirs.record(swap_id).swap.state is State.PREPARED
    swap.cancel(ours.services, ours.operator, swap_id, "changed our mind")
    settle(hubs, swap_id)
    assert theirs.record(swap_id).swap.state is State.CANCELLED
    assert not theirs.has("admin/base")
    for party in hubs:
        assert not any(party.services.arrivals.glob("*/stream"))
        with party.services.database.read() as tx:
            assert tx.execute(held_files.select()).all() == []
            assert tx.execute(held_objects.select()).all() == []


def test_what_is_taken_may_be_deleted_in_between(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    repositories.delete(theirs.services, theirs.operator, RepoId("admin", "child"))
    collect(theirs.services, grace=0, upload_window=0)
    settle(hubs, swap_id)
    assert ours.read("admin/child") == CHILD


def test_a_name_that_was_taken_meanwhile_is_no_obstacle(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    repositories.create(theirs.services, theirs.operator, RepoId("admin", "base"), private=False)
    assert [str(target.name) for target in theirs.record(swap_id).targets.values()] == ["admin/base"]
    settle(hubs, swap_id)
    assert [str(target.name) for target in theirs.record(swap_id).targets.values()] == [f"admin/base-{swap_id[:8]}"]
    assert [str(target.name) for target in ours.record(swap_id).targets.values()] == ["admin/child"]
    theirs.accept(swap_id, {RepoId("admin", "base"): RepoId("admin", "base")})  # as it was wished for
    assert theirs.read(f"admin/base-{swap_id[:8]}") == BASE


def test_several_that_are_to_go_by_one_name(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    names = ["base", "other", "third"]
    for name in names:
        ours.publish(name, name.encode() * 20_000)
    swap_id = ours.offer("theirs", give=names, take=[])
    ours.run(swap_id)
    into = {RepoId("admin", name): RepoId("admin", "given") for name in names}
    theirs.accept(swap_id, into)
    settle(hubs, swap_id)
    came = [f"admin/given{ending}" for ending in ("", f"-{swap_id[:8]}", f"-{swap_id[:8]}-1")]
    assert [theirs.read(name)[:4] for name in came] == [b"base", b"othe", b"thir"]


def test_a_place_that_is_taken_is_told_at_once(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    repositories.create(theirs.services, theirs.operator, RepoId("admin", "base"), private=False)
    with pytest.raises(Conflict, match="admin/base exists here"):
        theirs.accept(swap_id)


def test_who_accepts_twice_is_shown_how_it_stands(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    into = {RepoId("admin", "base"): RepoId("admin", "given")}
    for _ in range(2):
        theirs.accept(swap_id, into)
    before = theirs.record(swap_id)
    theirs.run(swap_id)
    theirs.accept(swap_id)
    settle(hubs, swap_id)
    shown = swap.accept(theirs.services, theirs.operator, swap_id, into)
    assert shown.record.swap.state is State.PUBLISHED
    assert shown.record.acceptance_envelope == before.acceptance_envelope
    assert theirs.read("admin/given") == BASE


def test_who_accepts_twice_cannot_wish_for_something_else(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    elsewhere = {RepoId("admin", "base"): RepoId("admin", "elsewhere")}
    with pytest.raises(Conflict, match="goes to admin/base, not to admin/elsewhere"):
        theirs.accept(swap_id, elsewhere)
    with pytest.raises(Conflict, match="accepted before"):
        swap.accept(theirs.services, theirs.operator, swap_id, {}, private=True)
    assert theirs.record(swap_id).targets[RepoId("admin", "base")].repo_id == RepoId("admin", "base")


def test_who_refuses_or_cancels_twice_is_shown_how_it_stands(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    for reason in ("no, thank you", "no"):
        shown = swap.refuse(theirs.services, theirs.operator, swap_id, reason)
        assert (shown.record.swap.state, shown.record.reason) == (State.REFUSED, "no, thank you")
    with pytest.raises(Conflict, match="refused for good"):
        theirs.accept(swap_id)
    with pytest.raises(Conflict, match="refused for good"):
        swap.cancel(theirs.services, theirs.operator, swap_id)
    another = ours.offer("theirs")
    ours.run(another)
    theirs.accept(another)
    for party, words in ((theirs, "no need"), (theirs, "again"), (ours, "neither do we")):
        shown = swap.cancel(party.services, party.operator, another, words)
        assert shown.record.swap.state is State.CANCELLED
        settle(hubs, another)
        assert shown.record.reason == "no need"
    with pytest.raises(Conflict, match="cancelled for good"):
        theirs.accept(another)
    with pytest.raises(Conflict, match="cancelled for good"):
        swap.refuse(theirs.services, theirs.operator, another)


def test_a_swap_is_looked_at_again_by_itself(hubs: tuple[Party, Party]) -> None:
    """Though the job that looks at it is still there when it asks for the next."""
    ours, _ = hubs
    ours.publish("base", BASE)
    swap_id = ours.offer("theirs", take=[])
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


def test_a_swap_that_waits_for_long_leaves_no_heap_of_jobs(hubs: tuple[Party, Party]) -> None:
    ours, _ = hubs
    ours.publish("base", BASE)
    swap_id = ours.offer("theirs", take=[])
    ours.wires["theirs"].cut = True
    for _ in range(5):
        with ours.services.database.write() as tx:
            job = queue.claim(tx, ["swap"], "a worker", ours.now[0], 60)
            assert job is not None
        ours.run(swap_id)
        with ours.services.database.write() as tx:
            queue.complete(tx, job, {}, ours.now[0])
            kept = [(each.state, each.id > job.id) for each in queue.listing(tx, kinds=["swap"])]
        assert kept == [("queued", True), ("done", False)]
        ours.now[0] += 400
    assert "does not answer" in (ours.record(swap_id).error or "")


def test_a_peer_has_one_job_at_a_time(hubs: tuple[Party, Party]) -> None:
    ours, _ = hubs
    ours.publish("base", BASE)
    one, other = (ours.offer("theirs", take=[]) for _ in range(2))
    turns = Turns()

    def visit(swap_id: str) -> bool:
        """Whether anything is said of it."""
        said: list[str] = []
        ours.wires["theirs"].before = said.append
        ours.run_in_turn(swap_id, turns)
        return bool(said)

    with turns.take(ours.record(one).peer_id) as first:
        assert first
        assert not visit(other)
        with ours.services.database.read() as tx:
            queued = [
                job for job in queue.listing(tx, kinds=["swap"], states=["queued"]) if job.payload["swap"] == other
            ]
        assert len(queued) == 1, "it is looked at later"
    assert visit(one)
    assert visit(other)


def test_a_hub_that_is_away_is_waited_for(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    for party in hubs:
        next(iter(party.wires.values())).cut = True
    reached = theirs.record(swap_id).reached_at
    assert reached is not None, "the offer came from there"
    theirs.now[0] += 60.0
    settle(hubs, swap_id)
    assert "does not answer" in (theirs.record(swap_id).error or "")
    assert theirs.record(swap_id).reached_at == reached
    for party in hubs:
        next(iter(party.wires.values())).cut = False
    settle(hubs, swap_id)
    assert [party.record(swap_id).swap.state for party in hubs] == [State.PUBLISHED] * 2
    assert theirs.record(swap_id).error is None
    assert (theirs.record(swap_id).reached_at or 0.0) > reached


def test_whether_an_offer_was_delivered_shows(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    ours.wires["theirs"].cut = True
    ours.publish("base", BASE)
    swap_id = ours.offer("theirs", take=[])
    ours.run(swap_id)
    assert ours.record(swap_id).reached_at is None
    ours.wires["theirs"].cut = False
    ours.run(swap_id)
    assert ours.record(swap_id).reached_at is not None
    assert theirs.record(swap_id).reached_at is not None


@pytest.mark.parametrize(
    "after", [after if after % 7 == 0 else pytest.param(after, marks=pytest.mark.slow) for after in range(60)]
)
def test_an_interruption_anywhere_is_got_over(hubs: tuple[Party, Party], after: int) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
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
    assert ours.read("admin/child") == CHILD
    assert theirs.read("admin/base") == BASE


def test_an_offer_expires(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    for party in hubs:
        party.now[0] += 8 * 86_400
    with pytest.raises(Conflict, match="expired"):
        theirs.accept(swap_id)
    settle(hubs, swap_id)
    assert [party.record(swap_id).swap.state for party in hubs] == [State.CANCELLED] * 2


def test_what_has_come_is_shown_while_more_comes(hubs: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_run, "_WATCH", 0.0)
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    wire, shown = theirs.wires["ours"], []

    def look(_: str) -> None:
        moved = theirs.record(swap_id).moved
        shown.append(moved.fetched)
        assert moved.fetched <= wire.nbytes
        assert moved.total in (0, len(BASE) + len(CARD))

    wire.before = look
    theirs.run(swap_id)
    assert shown == sorted(shown)
    assert len(set(shown)) > 2
    assert theirs.record(swap_id).moved.fetched == shown[-1] == wire.nbytes


def test_what_came_before_an_interruption_is_counted_with_what_came_after(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    wire = theirs.wires["ours"]

    def stop_once(what: str) -> None:
        if what == "piece" and wire.nbytes:
            wire.before = lambda _: None
            raise Nobody

    wire.before = stop_once
    with pytest.raises(Nobody):
        theirs.run(swap_id)
    assert theirs.record(swap_id).moved.fetched == wire.nbytes > 0
    settle(hubs, swap_id)
    assert theirs.record(swap_id).moved.fetched == wire.nbytes


def test_noting_what_has_come_takes_nothing_back(hubs: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_run, "_WATCH", 0.0)
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)

    def cancel(what: str) -> None:
        if what == "piece" and theirs.record(swap_id).is_open:
            swap.cancel(theirs.services, theirs.operator, swap_id)

    theirs.wires["ours"].before = cancel
    theirs.run(swap_id)
    assert theirs.record(swap_id).swap.state is State.CANCELLED
    with theirs.services.database.write() as tx:
        assert swaps.note_fetched(tx, swap_id, swaps.Moved(1, 2, 3)) is None
    assert theirs.record(swap_id).moved == swaps.Moved()
    settle(hubs, swap_id)
    assert not theirs.has("admin/base")


def free(monkeypatch: pytest.MonkeyPatch, nbytes: int, total: int = 1 << 40) -> None:
    """As if the disks had so much room."""
    disk = SimpleNamespace(free=nbytes, total=total)
    monkeypatch.setattr("tukar.usecases.room.shutil.disk_usage", lambda _: disk)


def test_what_no_disk_here_can_hold_is_not_accepted(hubs: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    free(monkeypatch, 0, total=len(BASE) - 1)
    # The card is here already.
    with pytest.raises(Conflict, match=f"{len(BASE)} bytes would come here, and .* has {len(BASE) - 1} in all"):
        theirs.accept(swap_id)
    assert theirs.record(swap_id).swap.state is State.OFFERED
    free(monkeypatch, 0, total=len(BASE))  # it may share all of it with what is here
    theirs.accept(swap_id)
    monkeypatch.undo()
    settle(hubs, swap_id)
    assert theirs.read("admin/base") == BASE


def test_what_has_no_room_later_waits_for_it(hubs: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    free(monkeypatch, 100)
    settle(hubs, swap_id)
    record = theirs.record(swap_id)
    assert record.swap.state is State.ACCEPTED
    assert "100 are free on the disk" in (record.error or "")
    assert "make room, and it goes on by itself; or cancel the swap" in (record.error or "")
    monkeypatch.undo()
    settle(hubs, swap_id)
    assert theirs.record(swap_id).error is None
    assert theirs.read("admin/base") == BASE


def test_what_has_no_room_can_be_cancelled(hubs: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    free(monkeypatch, 0)
    settle(hubs, swap_id)
    for party in hubs:
        assert "0 are free on the disk" in (party.record(swap_id).error or "")
    swap.cancel(ours.services, ours.operator, swap_id)
    settle(hubs, swap_id)
    assert [party.record(swap_id).swap.state for party in hubs] == [State.CANCELLED] * 2
    assert [party.record(swap_id).error for party in hubs] == [None] * 2


def test_an_offer_is_of_about_now(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    ours.publish("base", BASE)
    ours.now[0] += 301
    swap_id = ours.offer("theirs", take=[])
    ours.run(swap_id)
    error = ours.record(swap_id).error or ""
    assert f"made at {int(ours.now[0])}, and it is {int(theirs.now[0])} here" in error
    theirs.now[0] += 1
    ours.run(swap_id)
    assert ours.record(swap_id).error is None
    assert theirs.record(swap_id).swap.state is State.OFFERED


def test_a_stranger_knows_of_no_swap(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    with theirs.services.database.write() as tx:
        stranger = peers.add(tx, "stranger", "http://stranger.example", SigningKey.generate().public, now=0.0)
    statement = ours.record(swap_id).offer_envelope
    with pytest.raises(TukarError):
        swap_talk.answer(theirs.services, stranger, swap_id, [statement])
    with pytest.raises(NotFound):
        swap_talk.source(theirs.services, stranger, swap_id)
    assert len(theirs.services.database.faults()) == 0


def test_only_who_is_trusted_is_handed_anything(hubs: tuple[Party, Party]) -> None:
    """Also where a peer was revoked after it was looked up, or its swap has not been cancelled yet."""
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    ours.run(swap_id)
    (file, *_) = ours.record(swap_id).given[0].files
    known = ours.peer("theirs")
    assert next(swap_talk.source(ours.services, known, swap_id).give([file.manifest]))
    for state in ("revoked", "removed"):
        with pytest.raises(NotFound, match="can be fetched"):
            swap_talk.source(ours.services, replace(known, state=state), swap_id)  # type: ignore[arg-type]


def test_fetching_for_long_lets_other_swaps_go_first(
    hubs: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = hubs
    swap_id = accepted(ours, theirs)
    ours.run(swap_id)
    monkeypatch.setattr(swap_run, "TURN", 0.0)
    visits = 0
    while theirs.record(swap_id).swap.state is State.ACCEPTED:
        theirs.run(swap_id)
        visits += 1
        assert [job.state for job in jobs_of(theirs, swap_id)] == ["queued"], "it goes on later"
        assert visits < 100, "each visit brings it further"
    assert visits > 1
    settle(hubs, swap_id)
    assert [party.record(swap_id).swap.state for party in hubs] == [State.PUBLISHED] * 2
    assert theirs.record(swap_id).error is None


def jobs_of(party: Party, swap_id: str) -> list[Job]:
    with party.services.database.read() as tx:
        return [job for job in queue.listing(tx, kinds=["swap"]) if job.payload["swap"] == swap_id]
