"""A swap between two hubs as a state machine, the same code on both sides.

It is a two-phase commit of two participants (J. Gray, Notes on Data Base Operating Systems, 1978) in which the offerer
decides. Pure: no database, no clock, no keys. Whoever calls it has checked the signatures of a message, stores the new
`Swap` and carries out its effects in one transaction, and only then speaks.

There is no outbox. What has to be said follows from the state (`to_say`), and is said again until the other hub has
shown that it ended too; the answer to any message is what this side says in its present state (`view`). So a message
may be lost, repeated or late, and either side may stop at any time. docs/design/swap.md says why both end alike;
tests/exchange explores every order of events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from tukar.exchange.sentences import reason
from tukar.exchange.states import Act, Cause, Effect, Event, Message, Outcome, Role, State, Swap


def begin(role: Role, *, receives: bool) -> Swap:
    """A side of a new offer: of one's own, or of one that arrived. ``receives``: whether anything is to come here."""
    return Swap(role, arrived=not receives)


def step(swap: Swap, event: Event) -> Outcome:
    """Take an event. One that is not possible, whoever sent it, gives a refusal and changes nothing."""
    rule = _RULES[swap.role][swap.state].get(event)
    return rule(swap) if rule else Outcome(swap, refusal=reason(swap, event))


def to_say(swap: Swap) -> tuple[Message, ...]:
    """What the other hub is told now, in this order, and again later for as long as this returns it.

    Whoever waits asks by saying its latest word again: the answer is the other's.
    """
    return () if swap.settled else view(swap)


def view(swap: Swap) -> tuple[Message, ...]:
    """The answer to any message: what this side says in its state. Empty while its operator has not decided."""
    return _VIEWS[swap.role][swap.state]


def serves(swap: Swap) -> bool:
    """Whether the other side may fetch what is handed to it."""
    return swap.state in _SERVING[swap.role]


_Rule: TypeAlias = Callable[[Swap], Outcome]


def _stay(swap: Swap) -> Outcome:
    return Outcome(swap)  # said or asked again, or crossed with what has ended it: the answer says where it stands


def _settle(swap: Swap) -> Outcome:
    return Outcome(replace(swap, settled=True))


def _cancel(ending: Cause) -> _Rule:
    settled = ending is Cause.PEER
    return lambda swap: Outcome(Swap(swap.role, State.CANCELLED, settled=settled, ending=ending), (Effect.SWEEP,))


def _refuse(swap: Swap) -> Outcome:
    return Outcome(Swap(swap.role, State.REFUSED, settled=swap.role is Role.OFFERER), (Effect.SWEEP,))


def _advance(swap: Swap) -> Outcome:
    """The offerer, accepted: as far as what is here allows. With both it decides, and nothing can undo that."""
    if not swap.arrived:
        return Outcome(replace(swap, state=State.ACCEPTED))
    if not swap.signed:
        return Outcome(replace(swap, state=State.READY))
    return Outcome(replace(swap, state=State.PUBLISHED), (Effect.SIGN, Effect.PUBLISH, Effect.SWEEP))


def _accepted(swap: Swap) -> Outcome:
    return _advance(swap) if swap.arrived else Outcome(replace(swap, state=State.ACCEPTED), (Effect.TRANSFER,))


def _hear_arrival(swap: Swap) -> Outcome:
    return _advance(replace(swap, arrived=True))


def _hear_signature(swap: Swap) -> Outcome:
    return _advance(replace(swap, signed=True))


def _prepare(swap: Swap) -> Outcome:
    return Outcome(replace(swap, state=State.PREPARED, arrived=True), (Effect.SIGN,))


def _accept(swap: Swap) -> Outcome:
    return _prepare(swap) if swap.arrived else Outcome(replace(swap, state=State.ACCEPTED), (Effect.TRANSFER,))


def _conclude(swap: Swap) -> Outcome:
    concluded = replace(swap, state=State.PUBLISHED, signed=True, settled=True)
    return Outcome(concluded, (Effect.PUBLISH, Effect.SWEEP))


_END: Final[Mapping[Event, _Rule]] = {
    Act.CANCEL: _cancel(Cause.OPERATOR),
    Act.EXPIRED: _cancel(Cause.EXPIRED),
    Message.CANCEL: _cancel(Cause.PEER),
}
_FAIL: Final[Mapping[Event, _Rule]] = {Act.FAILED: _cancel(Cause.FAILED)}

_OFFERER: Final[Mapping[State, Mapping[Event, _Rule]]] = {
    State.OFFERED: {**_END, Message.ACCEPT: _accepted, Message.REFUSE: _refuse},
    State.ACCEPTED: {
        **_END,
        **_FAIL,
        Act.ARRIVED: _hear_arrival,
        Message.ACCEPT: _stay,
        Message.PREPARED: _hear_signature,
    },
    State.READY: {**_END, **_FAIL, Message.ACCEPT: _stay, Message.PREPARED: _hear_signature},
    State.PUBLISHED: {Message.ACCEPT: _stay, Message.PREPARED: _stay, Message.RECEIPT: _settle},
    State.REFUSED: {Message.REFUSE: _stay},
    State.CANCELLED: {
        Act.CANCEL: _stay,
        Act.UNKNOWN: _settle,
        Message.ACCEPT: _stay,
        Message.PREPARED: _stay,
        Message.REFUSE: _settle,
        Message.CANCEL: _settle,
    },
}
_ACCEPTOR: Final[Mapping[State, Mapping[Event, _Rule]]] = {
    State.OFFERED: {**_END, Act.ACCEPT: _accept, Act.REFUSE: _refuse, Message.OFFER: _stay},
    State.ACCEPTED: {**_END, **_FAIL, Act.ACCEPT: _stay, Act.ARRIVED: _prepare, Message.OFFER: _stay},
    State.PREPARED: {
        Act.ACCEPT: _stay,
        Message.OFFER: _stay,
        Message.CANCEL: _cancel(Cause.PEER),
        Message.RECEIPT: _conclude,
    },
    State.PUBLISHED: {Act.ACCEPT: _stay, Message.OFFER: _stay, Message.RECEIPT: _stay},
    State.REFUSED: {Act.REFUSE: _stay, Message.OFFER: _stay, Message.CANCEL: _settle},
    State.CANCELLED: {Act.CANCEL: _stay, Message.OFFER: _stay, Message.CANCEL: _settle},
}
_RULES: Final[Mapping[Role, Mapping[State, Mapping[Event, _Rule]]]] = {Role.OFFERER: _OFFERER, Role.ACCEPTOR: _ACCEPTOR}

_VIEWS: Final[Mapping[Role, Mapping[State, tuple[Message, ...]]]] = {
    Role.OFFERER: {
        State.OFFERED: (Message.OFFER,),
        State.ACCEPTED: (Message.OFFER,),
        State.READY: (Message.OFFER,),
        State.PUBLISHED: (Message.RECEIPT,),
        State.REFUSED: (Message.CANCEL,),
        State.CANCELLED: (Message.CANCEL,),
    },
    Role.ACCEPTOR: {
        State.OFFERED: (),
        State.ACCEPTED: (Message.ACCEPT,),
        State.PREPARED: (Message.ACCEPT, Message.PREPARED),  # the offerer may have missed the first
        State.PUBLISHED: (Message.RECEIPT,),
        State.REFUSED: (Message.REFUSE,),
        State.CANCELLED: (Message.CANCEL,),
    },
}
_SERVING: Final = {
    Role.OFFERER: frozenset({State.ACCEPTED, State.READY}),
    Role.ACCEPTOR: frozenset({State.ACCEPTED, State.PREPARED}),
}
