"""Two hubs, every order of events: both publish or neither does, and from everywhere they come to an end."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter

import pytest

from tukar.exchange.protocol import step
from tukar.exchange.sentences import explain
from tukar.exchange.states import FINAL, Act, Cause, Message, Role, State, Swap

from . import drawing
from .conftest import KINDS
from .explorer import ACCEPTOR, OFFERER, Explored, Protocol, World
from .rules import Rules

# The exploration itself, in conftest.py, fails where a rule of `Rules.at_every_moment` is broken.


def test_every_end_is_reached(kind: str, explored: Explored) -> None:
    ends = {(world.offerer.state, world.acceptor.state) for world in explored.worlds if world.acceptor}
    published, cancelled, refused = State.PUBLISHED, State.CANCELLED, State.REFUSED
    both = {(one, other) for one, other in ends if {one, other} <= FINAL}
    assert both == {(published, published), (cancelled, cancelled), (refused, refused), (cancelled, refused)}


def test_from_every_world_both_end_alike_and_fall_silent(kind: str, explored: Explored) -> None:
    Rules(KINDS[kind], Protocol()).in_the_end(explored)


def test_an_accepted_swap_is_published_unless_someone_ends_it(kind: str, explored: Explored) -> None:
    Rules(KINDS[kind], Protocol()).when_nobody_objects(explored)


def test_no_side_is_ever_again_what_it_was(explored: Explored) -> None:
    """With this, what holds of one fair run holds of all: each changes a side only so often, and then stands still."""
    graph: dict[Swap, set[Swap]] = {}
    for before, _, outcome in explored.taken:
        graph.setdefault(outcome.swap, set()).add(before)
    assert len(list(TopologicalSorter(graph).static_order())) > len(State)


_CROSSINGS: dict[str, Callable[[World], bool]] = {
    "the acceptor never saw the offer": lambda it: it.acceptor is None and it.offerer.settled,
    "both cancel at once": lambda it: _ended(it.offerer, Cause.OPERATOR) and _ended(it.acceptor, Cause.OPERATOR),
    "both expire at once": lambda it: _ended(it.offerer, Cause.EXPIRED) and _ended(it.acceptor, Cause.EXPIRED),
    "a cancel crosses the acceptance": lambda it: _crossing(it, Message.CANCEL, Message.ACCEPT),
    "a cancel crosses the refusal": lambda it: _crossing(it, Message.CANCEL, Message.REFUSE),
    "a cancel crosses the signature": lambda it: _crossing(it, Message.CANCEL, Message.PREPARED),
    "an expiry crosses the signature": lambda it: (
        _ended(it.offerer, Cause.EXPIRED) and _on_their_way(it, OFFERER, Message.PREPARED)
    ),
    "the signature overtakes the acceptance": lambda it: (
        it.offerer.state is State.OFFERED and _on_their_way(it, OFFERER, Message.PREPARED)
    ),
    "a late offer arrives where it was cancelled": lambda it: (
        _ended(it.offerer, Cause.OPERATOR) and it.acceptor is not None and it.acceptor.state is State.OFFERED
    ),
}


@pytest.mark.parametrize("crossing", _CROSSINGS)
def test_the_exploration_saw(crossing: str, explorations: dict[str, Explored]) -> None:
    assert any(_CROSSINGS[crossing](world) for world in explorations["swap"].worlds)


def test_no_cancel_of_the_acceptor_can_cross_a_receipt(explored: Explored) -> None:
    assert not any(
        _on_their_way(world, ACCEPTOR, Message.RECEIPT) and _on_their_way(world, OFFERER, Message.CANCEL)
        for world in explored.worlds
    )


def test_whatever_comes_a_side_answers_and_a_refusal_changes_nothing() -> None:
    refused = 0
    for side in drawing.sides():
        for event in drawing.EVENTS:
            outcome = step(side, event)
            if outcome.refusal is not None:
                refused += 1
                assert (outcome.swap, outcome.effects) == (side, ())
                assert outcome.refusal.endswith(".")
    assert refused > len(drawing.EVENTS)


@pytest.mark.parametrize(
    ("side", "event", "said"),
    [
        (Swap(OFFERER), Message.OFFER, "OFFER is not for the acceptor to say"),
        (Swap(ACCEPTOR), Message.PREPARED, "PREPARED is not for the offerer to say"),
        (Swap(OFFERER), Act.ACCEPT, "Not possible for the offerer while the swap is offered: the operator accepts"),
        (Swap(OFFERER), Message.PREPARED, "has to come before the signature"),
        (Swap(ACCEPTOR, State.PREPARED, arrived=True), Act.CANCEL, "the offerer alone decides"),
        (Swap(OFFERER, State.PUBLISHED, arrived=True, signed=True), Message.CANCEL, "published for good"),
        (Swap(ACCEPTOR, State.CANCELLED, ending=Cause.OPERATOR), Message.RECEIPT, "cancelled for good"),
    ],
)
def test_a_refusal_says_why(side: Swap, event: Act | Message, said: str) -> None:
    refusal = step(side, event).refusal
    assert refusal is not None
    assert said in refusal


def test_every_side_that_two_hubs_reach_is_explained_and_differently(explorations: dict[str, Explored]) -> None:
    reached = {side for explored in explorations.values() for world in explored.worlds for side in world[:2] if side}
    assert reached == set(drawing.sides())
    told = {(side.role, side.state, side.ending, side.settled): explain(side) for side in reached}
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in told.values())
    assert len({(role, sentence) for (role, *_), sentence in told.items()}) == len(told)


@pytest.mark.parametrize("role", [OFFERER, ACCEPTOR])
def test_the_transitions_that_are_drawn_are_those_that_two_hubs_take(
    role: Role, explorations: dict[str, Explored]
) -> None:
    taken = (step for explored in explorations.values() for step in explored.taken)
    assert set(drawing.rows(role, taken)) == set(drawing.rows(role, drawing.transitions()))


def test_the_page_shows_these_transitions() -> None:
    page = drawing.PAGE.read_text(encoding="utf-8")
    assert [match[2] for match in drawing.MARKED.finditer(page)] == ["offerer", "acceptor"]
    assert page == drawing.drawn(page), "write it anew: python -m tests.exchange.drawing"


def _ended(side: Swap | None, ending: Cause) -> bool:
    return side is not None and side.ending is ending


def _on_their_way(world: World, to: str, message: Message) -> bool:
    return (to, message) in world.flight


def _crossing(world: World, to_acceptor: Message, to_offerer: Message) -> bool:
    return _on_their_way(world, ACCEPTOR, to_acceptor) and _on_their_way(world, OFFERER, to_offerer)
