"""What a peer says is never this hub's own word, and harms no page and no terminal."""

from __future__ import annotations

import json

import pytest

from tukar.exchange.offers import ENDING, OFFER, Ending, EndingKind
from tukar.signing import Envelope

from .hostile import both as both
from .hostile import refused
from .hostile import third as third
from .hostile import victim as victim
from .hostile import villain as villain
from .victim import Victim
from .villain import Villain

LIE = "We, the operators, admit that the weights are stolen"


def ended(villain: Villain, swap_id: str, kind: EndingKind = "cancelled", reason: str = LIE) -> Ending:
    """Say that it ended; what the victim says to that."""
    answer = villain.say(swap_id, villain.sign(ENDING, Ending(swap_id, kind, reason).payload()))
    assert answer.status_code == 200, answer.text
    envelope = Envelope.read(answer.json()["statements"][0])
    assert [each.keyid for each in envelope.signatures] == [villain.victim.key.fingerprint]
    return Ending.read(envelope.payload)


def test_a_reason_that_comes_after_the_end_is_nobodys(villain: Villain, victim: Victim) -> None:
    for ours in ("we changed our mind", ""):
        swap_id = victim.offer()
        path = f"/api/tukar/swaps/{swap_id}/cancel"
        victim.site.post(path, "admin", json={"reason": ours}).raise_for_status()
        assert ended(villain, swap_id).reason == ours
        assert victim.shown(swap_id)["reason"] == (ours or None)
        assert victim.shown(swap_id)["says"].startswith("You cancelled")


def test_a_reason_of_theirs_is_shown_as_theirs_and_not_signed(villain: Villain, victim: Victim) -> None:
    kinds: tuple[EndingKind, ...] = ("cancelled", "refused")
    for kind in kinds:
        swap_id = victim.offer()
        for _ in range(2):
            assert ended(villain, swap_id, kind).reason == ""
        assert victim.shown(swap_id)["reason"] == LIE
        assert victim.shown(swap_id)["says"].startswith("The other hub")


def test_what_the_victim_refuses_it_refuses_in_its_own_words(villain: Villain, victim: Victim) -> None:
    made = villain.offered()
    path = f"/api/tukar/swaps/{made.swap}/refuse"
    victim.site.post(path, "admin", json={"reason": "no,\nthank you"}).raise_for_status()
    said = ended(villain, made.swap)
    assert (said.kind, said.reason) == ("refused", "no,\nthank you")


@pytest.mark.parametrize("text", ["\x1b[2Jno", "\ud800no", "\u202eno", "no\x00", LIE])
def test_an_error_that_ends_a_swap_is_text_and_is_not_signed(villain: Villain, victim: Victim, text: str) -> None:
    made = villain.offered()
    victim.accept(made.swap).raise_for_status()
    villain.serve = lambda _villain, _swap, _asked: (400, [json.dumps({"error": text}).encode()])
    villain.answers = [villain.sign(OFFER, made.payload())]
    victim.run(made.swap)
    shown = victim.shown(made.swap)
    assert shown["state"] == "cancelled"
    assert shown["reason"].isprintable()
    assert "no" in shown["reason"] or shown["reason"] == LIE
    assert ended(villain, made.swap).reason == ""


def test_a_reason_that_no_terminal_should_see_is_refused(villain: Villain, victim: Victim) -> None:
    swap_id = victim.offer()
    assert refused(villain.say(swap_id, villain.sign(ENDING, Ending(swap_id, "cancelled", "\x1b[2J").payload())))
    assert victim.state(swap_id) == "offered"
