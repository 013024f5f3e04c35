"""A small explicit-state model checker: every order of events between two hubs, breadth first.

A world is both sides, the statements on their way (a set: they overtake each other, are lost, and arrive twice), which
hubs are down, and the past: what really came, was signed and was published, kept apart from what the sides believe.
Being stored and having been said are two steps: a hub may go down in between, and what it would have said is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, TypeAlias

from tukar.exchange import protocol
from tukar.exchange.states import FINAL, Act, Effect, Event, Message, Outcome, Role, State, Swap

OFFERER, ACCEPTOR = Role.OFFERER, Role.ACCEPTOR
OTHER = {OFFERER: ACCEPTOR, ACCEPTOR: OFFERER}
HERE = tuple(act for act in Act if act is not Act.UNKNOWN)

Fact: TypeAlias = tuple[Role, Event | Effect]
Letter: TypeAlias = tuple[Role, Event]  # to whom, and what


class World(NamedTuple):
    """All there is at one moment. The acceptor is None until it sees the offer."""

    offerer: Swap
    acceptor: Swap | None
    flight: frozenset[Letter]
    past: frozenset[Fact]
    down: frozenset[Role]

    def side(self, role: Role) -> Swap | None:
        return self.offerer if role is OFFERER else self.acceptor

    def with_side(self, swap: Swap) -> World:
        return self._replace(offerer=swap) if swap.role is OFFERER else self._replace(acceptor=swap)


class Violation(AssertionError):
    """A rule was broken; the message says which, and how the world came there."""


@dataclass(frozen=True)
class Protocol:
    """What is explored: the protocol, or one that was broken on purpose."""

    step: Callable[[Swap, Event], Outcome] = protocol.step
    to_say: Callable[[Swap], tuple[Message, ...]] = protocol.to_say
    view: Callable[[Swap], tuple[Message, ...]] = protocol.view


@dataclass
class Explored:
    """What an exploration saw.

    Attributes:
        worlds: each world that can be reached, and the step and the world by which it was first.
        taken: the steps that changed a side: the side before, the event, what came of it.
    """

    worlds: dict[World, tuple[str, World] | None] = field(default_factory=dict)
    taken: set[tuple[Swap, Event, Outcome]] = field(default_factory=set)

    def story(self, world: World) -> str:
        lines: list[str] = []
        while before := self.worlds[world]:
            lines.append(before[0])
            world = before[1]
        return "\n".join(reversed(lines))


def explore(
    gives: tuple[bool, bool], under: Protocol | None = None, check: Callable[[World, World], None] | None = None
) -> Explored:
    """Every world that can be reached. ``gives``: whether the offerer, and the acceptor, hands anything over.

    ``check`` raises AssertionError. It is called with the worlds before and after each step that leads to a new world
    or changes a side.
    """
    walk = _Walk(gives, under or Protocol())
    first = World(protocol.begin(OFFERER, receives=gives[1]), None, frozenset(), frozenset(), frozenset())
    seen = walk.seen
    seen.worlds[first] = None
    todo = deque([first])
    while todo:
        world = todo.popleft()
        for name, after in walk.successors(world):
            fresh = after not in seen.worlds
            if fresh:
                seen.worlds[after] = (name, world)
                todo.append(after)
            try:
                if check and (fresh or after[:2] != world[:2]):
                    check(world, after)
            except AssertionError as error:
                raise Violation(f"{error}\n{seen.story(world)}\n{name}") from error
    return seen


class _Walk:
    """The steps out of a world."""

    def __init__(self, gives: tuple[bool, bool], under: Protocol) -> None:
        self.gives = gives
        self.seen = Explored()
        self._under = under
        self.step = cache(self._step)

    def successors(self, world: World) -> Iterator[tuple[str, World]]:
        for role in Role:
            yield from self._moves(world, role)
        for letter in world.flight:
            to, event = letter
            consumed = world._replace(flight=world.flight - {letter})
            yield f"{event.name} to the {to} is lost", consumed
            if to not in world.down:
                for name, before in (("arrives", consumed), ("arrives, and will again", world)):
                    yield f"{event.name} {name} at the {to}", self.receive(before, to, event)
                    silent = self.receive(before, to, event, answers=False)
                    yield f"{event.name} {name} at the {to}, its answer is lost", silent

    def _moves(self, world: World, role: Role) -> Iterator[tuple[str, World]]:
        if role in world.down:
            yield f"the {role} comes back", world._replace(down=world.down - {role})
            return
        yield f"the {role} goes down", world._replace(down=world.down | {role})
        swap = world.side(role)
        if swap is None:
            return
        for act in HERE:
            after = self._apply(world, swap, act)
            if after != world:
                yield f"{role}: {act.value}", after
        if self._under.to_say(swap):
            yield f"the {role} speaks", self._post(world, OTHER[role], self._under.to_say(swap))

    def receive(self, world: World, to: Role, event: Event, *, answers: bool = True) -> World:
        """A message arrives: the acceptor may see the offer for the first time, or know nothing of any."""
        swap = world.side(to)
        if swap is None and event is not Message.OFFER:
            return self._post(world, OFFERER, (Act.UNKNOWN,)) if answers else world
        if swap is None:
            return world.with_side(protocol.begin(ACCEPTOR, receives=self.gives[0]))
        after = self._apply(world, swap, event)
        here = after.side(to)
        return (
            self._post(after, OTHER[to], self._under.view(here))
            if here and answers and event is not Act.UNKNOWN
            else after
        )

    def _post(self, world: World, to: Role, events: tuple[Event, ...]) -> World:
        return world._replace(flight=world.flight | {(to, event) for event in events})

    def _apply(self, world: World, swap: Swap, event: Event) -> World:
        outcome = self.step(swap, event)
        if outcome.swap == swap and not outcome.effects:
            return world
        facts: set[Fact] = {
            (swap.role, effect) for effect in outcome.effects if effect in (Effect.SIGN, Effect.PUBLISH)
        }
        if event in (Act.ARRIVED, Message.PREPARED, Message.RECEIPT):
            facts.add((swap.role, event))
        repeated = facts & world.past & {(role, effect) for role in Role for effect in Effect}
        if repeated:
            raise Violation(f"done twice: {repeated} by {event}\n{self.seen.story(world)}")
        return world.with_side(outcome.swap)._replace(past=world.past | facts)

    def _step(self, swap: Swap, event: Event) -> Outcome:
        outcome = self._under.step(swap, event)
        if outcome.refusal is not None and outcome != Outcome(swap, refusal=outcome.refusal):
            raise Violation(f"{event} was refused, and yet changed {swap} to {outcome}")
        if outcome.swap != swap:
            self.seen.taken.add((swap, event, outcome))
        return outcome


def ended_alike(world: World) -> bool:
    """Whether both are at an end, the same one. For a hub that never saw the offer, nothing was published."""
    if world.acceptor is None:
        return world.offerer.state in FINAL - {State.PUBLISHED}
    states = {world.offerer.state, world.acceptor.state}
    return states <= FINAL and (State.PUBLISHED not in states or len(states) == 1)
