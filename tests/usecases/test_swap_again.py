"""An offer that is made again with its nonce is the one that was made, or else there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.faults.swap.party import Party

from tukar.catalog import users
from tukar.catalog.values import Identity
from tukar.errors import Conflict
from tukar.exchange.offers import Reference
from tukar.objects.sources import BytesSource
from tukar.types import RepoId
from tukar.usecases import accounts, commit, swap
from tukar.usecases.swap import OfferedOtherwise, Proposal

from .test_swap import BASE, CHILD, offered, settle
from .test_swap import hubs as hubs

THEIRS = RepoId("admin", "child")


@pytest.fixture
def proposal(hubs: tuple[Party, Party]) -> Proposal:
    ours, _ = hubs
    for name in ("base", "other"):
        ours.publish(name, name.encode() * 100)
    given = (Reference(RepoId("admin", "base"), "main"),)
    asked = (Reference(THEIRS, "main"),)
    return Proposal("theirs", given, asked, {}, note="for you", nonce="a" * 32)


def offer(party: Party, proposal: Proposal) -> str:
    return swap.offer(party.services, party.operator, proposal).record.id


def test_the_same_again_is_the_same_offer(hubs: tuple[Party, Party], proposal: Proposal) -> None:
    ours, _ = hubs
    made = offer(ours, proposal)
    ours.now[0] += 60
    assert offer(ours, proposal) == made
    assert offer(ours, replace(proposal, peer="THEIRS")) == made
    swap.cancel(ours.services, ours.operator, made)
    assert offer(ours, proposal) == made
    assert ours.swap_ids() == [made]


def test_it_is_the_same_offer_once_it_was_published_too(hubs: tuple[Party, Party], proposal: Proposal) -> None:
    ours, theirs = hubs
    theirs.publish("child", CHILD)
    made = offer(ours, proposal)
    ours.run(made)
    theirs.accept(made, {RepoId("admin", "base"): RepoId("admin", "their-base")})
    settle(hubs, made)
    assert ours.record(made).targets[THEIRS].commit
    assert offer(ours, proposal) == made


@pytest.mark.parametrize(
    "change",
    [
        {"give": ()},
        {"give": (Reference(RepoId("admin", "other"), "main"),)},
        {"take": ()},
        {"take": (Reference(THEIRS, "v2"),)},
        {"into": {THEIRS: RepoId("admin", "elsewhere")}},
        {"into": {RepoId("admin", "unasked"): RepoId("admin", "elsewhere")}},
        {"private": True},
        {"note": "for somebody"},
        {"seconds": 60},
        {"request": "b" * 64},
    ],
    ids=str,
)
def test_another_with_its_nonce_is_a_conflict(
    hubs: tuple[Party, Party], proposal: Proposal, change: dict[str, object]
) -> None:
    ours, _ = hubs
    made = offer(ours, proposal)
    with pytest.raises(OfferedOtherwise, match=made[:12]):
        offer(ours, replace(proposal, **change))  # type: ignore[arg-type]
    assert ours.swap_ids() == [made]


def test_a_revision_counts_as_the_commit_that_it_comes_to(hubs: tuple[Party, Party], proposal: Proposal) -> None:
    ours, _ = hubs
    made = offer(ours, proposal)
    (given,) = proposal.give
    oid = ours.record(made).offer.give[0].commit
    assert offer(ours, replace(proposal, give=(replace(given, revision=oid),))) == made
    request = commit.Request([commit.RegularFile("new", BytesSource(b"new"))], title="More")
    commit.commit(ours.services, ours.operator, given.repository, request)
    with pytest.raises(OfferedOtherwise):
        offer(ours, proposal)


def test_a_nonce_of_the_other_hub_is_not_ones_own(hubs: tuple[Party, Party], proposal: Proposal) -> None:
    ours, theirs = hubs
    made = offer(ours, proposal)
    ours.run(made)
    theirs.publish("back", b"back" * 100)
    back = Proposal("ours", (Reference(RepoId("admin", "back"), "main"),), (), {}, nonce=proposal.nonce)
    assert offer(theirs, back) != made


def test_who_takes_part_in_an_open_swap_stays(hubs: tuple[Party, Party]) -> None:
    """Else what is private would come to the next of that name."""
    ours, theirs = hubs
    swap_id = offered(ours, theirs)
    accounts.add_user(theirs.services, theirs.operator, "bob")
    theirs.accept(swap_id, {RepoId("admin", "base"): RepoId("bob", "base")})
    with pytest.raises(Conflict, match=f"1 swap of 'bob'.* is open: {swap_id[:12]}") as refused:
        accounts.remove_user(theirs.services, theirs.operator, "bob")
    assert "tukar swap cancel" in str(refused.value.hint)
    swap.cancel(theirs.services, theirs.operator, swap_id)
    accounts.remove_user(theirs.services, theirs.operator, "bob")
    settle(hubs, swap_id)
    assert not theirs.has("bob/base")


def test_who_offered_stays_until_it_has_ended(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    ours.publish("base", BASE)
    theirs.publish("child", CHILD)
    accounts.add_user(ours.services, ours.operator, "carol", is_admin=True)
    with ours.services.database.read() as tx:
        carol = Identity(users.get(tx, "carol"), "write")
    given = (Reference(RepoId("admin", "base"), "main"),)
    made = swap.offer(ours.services, carol, Proposal("theirs", given, (), {})).record.id
    with pytest.raises(Conflict, match="'carol'"):
        accounts.remove_user(ours.services, ours.operator, "carol")
    ours.run(made)
    theirs.accept(made)
    settle(hubs, made)
    accounts.remove_user(ours.services, ours.operator, "carol")
