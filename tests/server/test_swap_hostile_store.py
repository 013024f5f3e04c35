"""What a peer says makes this hub store only so much, and what is stored of it does not slow the lists down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.exchange import summaries
from tukar.exchange.offers import OFFER, Offer
from tukar.exchange.tables import receipt_repositories, swap_statements
from tukar.types import RepoId
from tukar.usecases import swap_talk

from .hostile import refused
from .victim import Victim
from .villain import Villain, besieged


@pytest.fixture
def villain(tmp_path: Path) -> Iterator[Villain]:
    with besieged(tmp_path) as made:
        yield made[0]


@pytest.fixture
def victim(villain: Villain) -> Victim:
    return villain.victim


def stored(victim: Victim) -> int:
    """Bytes of all that was signed."""
    with victim.services.database.read() as tx:
        return int(tx.execute(sa.select(sa.func.coalesce(sa.func.sum(swap_statements.c.size), 0))).scalar_one())


def count(victim: Victim) -> int:
    with victim.services.database.read() as tx:
        return len(summaries.summaries(tx))


def offer_and_cancel(villain: Villain, **changes: object) -> Offer:
    made = villain.offered(**changes)
    assert villain.say(made.swap, villain.ending(made.swap)).status_code == 200
    return made


def say(villain: Villain, made: Offer) -> tuple[int, str]:
    answer = villain.say(made.swap, villain.sign(OFFER, made.payload()))
    return answer.status_code, answer.text


def test_nothing_of_an_offer_is_kept_once_it_was_cancelled_but_its_row(villain: Villain, victim: Victim) -> None:
    made = offer_and_cancel(villain, note="a word")
    assert stored(victim) == 0
    shown = victim.shown(made.swap)
    assert (shown["state"], shown["note"], shown["total_bytes"]) == ("cancelled", "a word", 0)
    assert shown["give"] == [{"repository": "villain/loot", "type": "model"}]


@pytest.mark.parametrize("act", ["refuse", "cancel"])
def test_what_was_refused_here_answers_as_before(villain: Villain, victim: Victim, act: str) -> None:
    made = villain.offered()
    victim.site.post(f"/api/tukar/swaps/{made.swap}/{act}", "admin", json={"reason": "no"}).raise_for_status()
    assert stored(victim) == 0
    before = victim.shown(made.swap)
    for _ in range(2):
        answer = villain.say(made.swap, villain.sign(OFFER, made.payload()))
        assert [each["payloadType"] for each in answer.json()["statements"]] == ["application/vnd.tukar.ending+json"]
    assert victim.shown(made.swap) == before
    for statement in (villain.accept(made.swap), villain.receipt(made)):
        assert refused(villain.say(made.swap, statement))
    assert victim.accept(made.swap).status_code == 409
    assert villain.say(made.swap, villain.ending(made.swap)).status_code == 200
    assert victim.shown(made.swap)["says"].endswith("nothing is left to do.")
    assert count(victim) == 1


def test_what_expires_undecided_is_dropped(villain: Villain, victim: Victim) -> None:
    made = villain.offered(expires_at=int(victim.site.clock()) + 60)
    victim.site.clock.now += 100
    victim.run(made.swap)
    assert victim.state(made.swap) == "cancelled"
    assert stored(victim) == 0


def test_what_was_accepted_is_kept_whatever_becomes_of_it(villain: Villain, victim: Victim) -> None:
    made = villain.offered()
    victim.accept(made.swap).raise_for_status()
    assert villain.say(made.swap, villain.ending(made.swap)).status_code == 200
    assert stored(victim) > 0
    assert "files" in victim.shown(made.swap)["give"][0]


def test_offers_that_wait_have_so_many_bytes(villain: Villain, victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    first = villain.offered()
    monkeypatch.setattr(swap_talk, "WAITING_BYTES", stored(victim) * 2 - 100)
    second = villain.offer()
    status, told = say(villain, second)
    assert (status, "MiB of statements" in told, "offer fewer files" in told) == (409, True, True)
    assert villain.say(first.swap, villain.ending(first.swap)).status_code == 200
    assert say(villain, second)[0] == 200


def test_offers_come_at_a_rate(villain: Villain, victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_talk, "HOURLY_LIMIT", 3)
    for _ in range(3):
        offer_and_cancel(villain)
    made = villain.offer()
    status, told = say(villain, made)
    assert (status, "wait for an hour" in told) == (409, True)
    victim.site.clock.now += 3601
    assert say(villain, made)[0] == 200


def test_what_ended_is_remembered_until_it_could_not_be_accepted_anyway(
    villain: Villain, victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap_talk, "SPENT_LIMIT", 2)
    now = int(victim.site.clock())
    first, second = (offer_and_cancel(villain, expires_at=now + seconds) for seconds in (60, 600))
    third = villain.offer()
    status, told = say(villain, third)
    assert (status, "their time has not run out" in told) == (409, True)
    victim.site.clock.now += 359
    assert say(villain, third)[0] == 409
    victim.site.clock.now += 2  # the time of the first, and what the clocks may differ by
    assert say(villain, third)[0] == 200
    assert [victim.knows(made.swap) for made in (first, second, third)] == [False, True, True]
    assert refused(villain.say(first.swap, villain.sign(OFFER, first.payload())))
    assert villain.say(first.swap, villain.ending(first.swap)).status_code == 404
    assert not victim.knows(first.swap)


def test_one_peer_takes_nothing_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_talk, "WAITING_LIMIT", 1)
    with besieged(tmp_path) as (villain, third):
        villain.offered()
        assert say(villain, villain.offer())[0] == 409
        third.offered(villain.item())


def test_a_list_reads_nothing_that_was_signed(villain: Villain, victim: Victim) -> None:
    made = villain.offered(
        *(replace(villain.item(), repository=RepoId("villain", f"loot-{number}")) for number in range(30)),
        note="n" * 400,
        take=["base"],
    )
    own = victim.offer()
    with victim.services.database.write() as tx:  # so that whoever reads it fails
        tx.execute(swap_statements.update().values(envelope=b"no envelope"))
    listed = {each["id"]: each for each in victim.site.get("/api/tukar/swaps", "admin").json()}
    assert listed.keys() == {own, made.swap}
    theirs = listed[made.swap]
    assert [each["repository"] for each in theirs["give"]] == [f"villain/loot-{number}" for number in range(10)]
    assert (theirs["give_count"], theirs["take_count"], theirs["note"]) == (30, 1, "n" * 300)
    with victim.services.database.write() as tx:
        tx.execute(swap_statements.delete())
    assert victim.site.get("/api/tukar/swaps", "admin").status_code == 200


def test_a_list_goes_on_page_by_page(villain: Villain, victim: Victim) -> None:
    made = [villain.offered().swap for _ in range(5)]
    listed, address = [], "/api/tukar/swaps?limit=2"
    pages = 0
    while address:
        reply = victim.site.get(address, "admin")
        listed += [each["id"] for each in reply.json()]
        pages += 1
        following = reply.links.get("next", {}).get("url")
        address = following and following[following.index("/api") :]
    assert sorted(listed) == sorted(made)
    assert pages == 3
    assert victim.site.get("/api/tukar/swaps?before=absent", "admin").status_code == 404
    assert victim.site.get("/api/tukar/swaps?limit=x", "admin").status_code == 400


def test_who_was_a_peer_learns_of_no_swap_by_saying_nothing(villain: Villain, victim: Victim) -> None:
    victim.site.post("/api/tukar/peers/villain/revoke", "admin").raise_for_status()
    answers = [villain.say("0" * 64), villain.say("0" * 64, villain.ending("0" * 64))]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content


def test_a_receipt_is_with_what_was_handed_over_and_not_with_the_next_of_its_name(
    villain: Villain, victim: Victim
) -> None:
    site = victim.site
    repository = site.repository("admin", private=True, name="hush")
    site.push_lfs(repository, "secret-plan.bin", b"abc" * 100)
    made = villain.offered(take=["hush"])
    victim.accept(made.swap, give_private=True).raise_for_status()
    site.call("DELETE", "/api/repos/delete", "admin", json={"name": "hush"}).raise_for_status()
    site.repository("admin", name="hush")
    villain.serve = lambda _villain, _swap, asked: (200, villain.stream(asked["objects"]))
    villain.answers = [villain.sign(OFFER, made.payload())]
    victim.run(made.swap)
    signature = victim.record(made.swap).signature
    assert signature is not None
    assert villain.say(made.swap, signature.signed_by(villain.key)).status_code == 200
    assert victim.state(made.swap) == "published"
    assert site.get("/api/tukar/models/admin/hush/receipts").json() == []
    assert len(site.get("/api/tukar/models/admin/loot/receipts", "admin").json()) == 1


def test_a_swap_that_ends_without_a_receipt_leaves_no_trace_at_its_repositories(
    villain: Villain, victim: Victim
) -> None:
    for made in (victim.offer(), villain.offered(take=["base"]).swap):
        if victim.shown(made)["role"] == "acceptor":
            victim.accept(made).raise_for_status()
        victim.cancel(made).raise_for_status()
    with victim.services.database.read() as tx:
        assert tx.execute(sa.select(receipt_repositories)).all() == []
