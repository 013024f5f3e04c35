"""The exploration finds what is wrong: protocols that were broken on purpose, each of them caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tukar.exchange import protocol
from tukar.exchange.states import Act, Cause, Effect, Event, Message, Outcome, Role, State, Swap

from .explorer import ACCEPTOR, OFFERER, Protocol, Violation, explore
from .rules import Rules

BOTH = (True, True)
DECIDE = (Effect.SIGN, Effect.PUBLISH, Effect.SWEEP)


def _when(role: Role, state: State, event: Event, then: Callable[[Swap], Outcome]) -> Protocol:
    def step(swap: Swap, happened: Event) -> Outcome:
        if (swap.role, swap.state, happened) == (role, state, event):
            return then(swap)
        return protocol.step(swap, happened)

    return Protocol(step=step)


def _cancel(swap: Swap) -> Outcome:
    return Outcome(Swap(swap.role, State.CANCELLED, ending=Cause.OPERATOR), (Effect.SWEEP,))


def _to(state: State, *effects: Effect, arrived: bool = False, signed: bool = False) -> Callable[[Swap], Outcome]:
    def then(swap: Swap) -> Outcome:
        after = replace(swap, state=state, arrived=swap.arrived or arrived, signed=swap.signed or signed)
        return Outcome(after, effects)

    return then


def _silent(role: Role, state: State, *said: Message) -> Callable[[Swap], tuple[Message, ...]]:
    def to_say(swap: Swap) -> tuple[Message, ...]:
        return said if (swap.role, swap.state) == (role, state) else protocol.to_say(swap)

    return to_say


def _forgetful() -> Protocol:
    """A cancelled offerer that neither says so again nor answers."""

    def view(swap: Swap) -> tuple[Message, ...]:
        return () if swap.role is OFFERER and swap.state is State.CANCELLED else protocol.view(swap)

    return Protocol(view=view, to_say=_silent(OFFERER, State.CANCELLED))


BROKEN = {
    "the acceptor cancels when prepared": (
        _when(ACCEPTOR, State.PREPARED, Act.CANCEL, _cancel),
        "one-sided",
    ),
    "the acceptor's time runs out when prepared": (
        _when(ACCEPTOR, State.PREPARED, Act.EXPIRED, _cancel),
        "one-sided",
    ),
    "the acceptor signs as it accepts": (
        _when(ACCEPTOR, State.OFFERED, Act.ACCEPT, _to(State.PREPARED, Effect.SIGN, arrived=True)),
        "signed before all was there",
    ),
    "the acceptor publishes as it signs": (
        _when(ACCEPTOR, State.ACCEPTED, Act.ARRIVED, _to(State.PUBLISHED, *DECIDE, arrived=True)),
        "the acceptor had not the other's signature",
    ),
    "the acceptor goes back to fetching after it signed": (
        _when(ACCEPTOR, State.PREPARED, Message.OFFER, _to(State.ACCEPTED)),
        "done twice",
    ),
    "the offerer publishes without the acceptor's signature": (
        _when(OFFERER, State.ACCEPTED, Act.ARRIVED, _to(State.PUBLISHED, *DECIDE, arrived=True)),
        "the offerer had not the other's signature",
    ),
    "the offerer publishes before all has arrived": (
        _when(OFFERER, State.ACCEPTED, Message.PREPARED, _to(State.PUBLISHED, *DECIDE, signed=True)),
        "the offerer had not everything",
    ),
    "the offerer publishes without its own signature": (
        _when(OFFERER, State.READY, Message.PREPARED, _to(State.PUBLISHED, *DECIDE[1:], signed=True)),
        "the offerer had not signed",
    ),
    "the offerer publishes again when it hears the signature again": (
        _when(OFFERER, State.PUBLISHED, Message.PREPARED, lambda swap: Outcome(swap, DECIDE)),
        "done twice",
    ),
    "the offerer cancels what it published": (
        _when(OFFERER, State.PUBLISHED, Act.CANCEL, _cancel),
        "left published for cancelled",
    ),
    "the acceptor cancels what it published": (
        _when(ACCEPTOR, State.PUBLISHED, Act.CANCEL, _cancel),
        "one-sided",
    ),
    "the acceptor takes up what it refused": (
        _when(ACCEPTOR, State.REFUSED, Message.OFFER, _to(State.OFFERED)),
        "left refused for offered",
    ),
    "a refusal that changes something": (
        _when(OFFERER, State.OFFERED, Act.ARRIVED, lambda swap: Outcome(replace(swap, arrived=True), refusal="No.")),
        "was refused, and yet changed",
    ),
    "the offerer shows a receipt before it decides": (
        Protocol(view=lambda swap: (Message.RECEIPT,) if swap.state is State.READY else protocol.view(swap)),
        "a receipt without the offerer's signature",
    ),
    "the acceptor says that it is prepared only once": (
        Protocol(to_say=_silent(ACCEPTOR, State.PREPARED), view=lambda swap: protocol.view(swap)[:1]),
        "they end as",
    ),
    "the acceptor does not repeat its acceptance": (
        Protocol(
            to_say=_silent(ACCEPTOR, State.PREPARED, Message.PREPARED), view=lambda swap: protocol.view(swap)[-1:]
        ),
        "accepted, and yet stuck",
    ),
    "the offerer says nothing of its cancel": (
        _forgetful(),
        "ended, and yet it goes on",
    ),
    "the offerer tells of the receipt for ever": (
        _when(OFFERER, State.PUBLISHED, Message.RECEIPT, lambda swap: Outcome(swap)),
        "ended, and yet it goes on",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_caught(name: str) -> None:
    under, said = BROKEN[name]
    rules = Rules(BOTH, under)
    with pytest.raises(Violation) as caught:
        _explore_and_judge(rules, under)
    assert said in str(caught.value)


def _explore_and_judge(rules: Rules, under: Protocol) -> None:
    explored = explore(BOTH, under, rules.at_every_moment)
    rules.in_the_end(explored)
    rules.when_nobody_objects(explored)
