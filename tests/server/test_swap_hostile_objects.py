"""What a peer may fetch is what its swap hands to it, while it does: anything else looks as if it were not there."""

from __future__ import annotations

import pytest

from tukar.exchange import peers
from tukar.exchange.tables import peers as peer_rows

from .hostile import both as both
from .hostile import refused
from .hostile import third as third
from .hostile import victim as victim
from .hostile import villain as villain
from .victim import Victim
from .villain import SECRET_NAME, Villain

NOWHERE = "ab" * 32


def under_way(villain: Villain, victim: Victim) -> str:
    """A swap in which the villain may fetch the base."""
    swap_id = victim.offer()
    assert villain.say(swap_id, villain.accept(swap_id)).status_code == 200
    assert villain.fetch(swap_id, victim.digests("base")).status_code == 200
    return swap_id


def same(villain: Villain, swap_id: str, *wanted: list[str]) -> bool:
    """Whether each is refused in the same words, but for the digest that was asked for."""
    told = set()
    for digests in wanted:
        answer = villain.fetch(swap_id, digests)
        assert answer.status_code == 404
        text = answer.text
        for digest in digests:
            text = text.replace(digest, "")
        told.add(text)
    return len(told) == 1


def test_a_private_object_is_as_one_that_is_not_there(villain: Villain, victim: Victim) -> None:
    swap_id = under_way(villain, victim)
    for digest in victim.digests(SECRET_NAME):
        assert same(villain, swap_id, [digest], [NOWHERE])
    assert refused(villain.fetch(swap_id, [*victim.digests("base"), victim.digests(SECRET_NAME)[0]]))


def test_nothing_before_it_was_accepted(villain: Villain, victim: Victim) -> None:
    swap_id = victim.offer()
    assert same(villain, swap_id, victim.digests("base"), [NOWHERE])


def test_nothing_of_what_was_asked_for_and_is_not_granted(villain: Villain, victim: Victim) -> None:
    made = villain.offered(take=[SECRET_NAME])
    assert same(villain, made.swap, victim.digests(SECRET_NAME)[:1], [NOWHERE])


def test_nothing_after_the_end(villain: Villain, victim: Victim) -> None:
    swap_id = under_way(villain, victim)
    victim.cancel(swap_id).raise_for_status()
    assert same(villain, swap_id, victim.digests("base"), [NOWHERE])
    assert victim.is_swept(swap_id)


def test_nothing_in_another_swap(villain: Villain, victim: Victim) -> None:
    under_way(villain, victim)
    other = victim.offer(give=SECRET_NAME, give_private=True)
    assert same(villain, other, victim.digests("base"), [NOWHERE])


def test_nothing_for_another_peer(villain: Villain, third: Villain, victim: Victim) -> None:
    swap_id = under_way(villain, victim)
    assert same(third, swap_id, victim.digests("base"), [NOWHERE])
    assert third.fetch("0" * 64, [NOWHERE]).content == third.fetch(swap_id, [NOWHERE]).content


def test_nothing_after_revocation(villain: Villain, victim: Victim) -> None:
    swap_id = under_way(villain, victim)
    with victim.services.database.write() as tx:
        peers.revoke(tx, peers.get(tx, "villain"))
    try:
        answer = villain.fetch(swap_id, victim.digests("base"))
        assert (answer.status_code, answer.content) == (403, villain.fetch("0" * 64, [NOWHERE]).content)
    finally:
        with victim.services.database.write() as tx:
            tx.execute(peer_rows.update().values(state="trusted"))


@pytest.mark.parametrize("wanted", [["../" + "a" * 61], ["A" * 64], [""], [1], [None], [["a"]], ["a" * 10_000]])
def test_what_is_no_digest(villain: Villain, victim: Victim, wanted: list[str]) -> None:
    assert refused(villain.fetch(under_way(villain, victim), wanted))


@pytest.mark.parametrize(
    "start",
    [
        [],
        {},
        {"record": "a" * 64, "stored": -1},
        {"record": "a" * 64, "stored": 1.5},
        {"record": "a" * 64, "stored": 1 << 64},
        {"record": "..", "stored": 0},
    ],
)
def test_where_no_stream_goes_on(villain: Villain, victim: Victim, start: object) -> None:
    assert refused(villain.fetch(under_way(villain, victim), victim.digests("base"), start))


def test_a_start_beyond_the_end_gives_all_that_was_asked_for_and_no_more(villain: Villain, victim: Victim) -> None:
    swap_id = under_way(villain, victim)
    whole = villain.fetch(swap_id, victim.digests("base"))
    beyond = villain.fetch(swap_id, victim.digests("base"), {"record": "a" * 64, "stored": (1 << 63) - 1})
    assert beyond.content == whole.content


def test_more_objects_than_are_given_at_once(villain: Villain, victim: Victim) -> None:
    assert refused(villain.fetch(under_way(villain, victim), victim.digests("base") * 100_000))


def test_a_name_that_is_private_is_as_one_that_is_not_there(villain: Villain, victim: Victim) -> None:
    """Of what an offer asks for, a peer learns nothing until the operator accepts."""
    told = []
    for name in (SECRET_NAME, "no-such-thing"):
        made = villain.offered(take=[name])
        told.append(villain.say(made.swap).content)
    assert told[0] == told[1]
