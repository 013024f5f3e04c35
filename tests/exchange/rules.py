"""What must hold of a swap: at every moment, and where it ends once both hubs are back and are heard."""

from __future__ import annotations

from functools import cache

from tukar.exchange import protocol
from tukar.exchange.states import FINAL, Act, Effect, Message, Role, State, Swap

from .explorer import ACCEPTOR, HERE, OFFERER, OTHER, Explored, Protocol, Violation, World, ended_alike

NEGATIVE = FINAL - {State.PUBLISHED}
FULL = len(HERE) * len(State)  # more rounds than any swap can have changes


class Rules:
    """The rules for one choice of what is given, under one protocol."""

    def __init__(self, gives: tuple[bool, bool], under: Protocol) -> None:
        self._receives = {OFFERER: gives[1], ACCEPTOR: gives[0]}
        self._under = under
        self.fair_end = cache(self._fair_end)

    def at_every_moment(self, before: World, after: World) -> None:
        """Safety. The past is what really happened; a side's own fields are what it believes."""
        self._one_side_only(after)
        self._final_is_final(before, after)
        for role in Role:
            self._published_with_reason(role, after)
        self._signed_with_reason(after)

    def in_the_end(self, explored: Explored) -> None:
        """Liveness: from every world, both come back, messages get through, and no operator does anything more."""
        for world in explored.worlds:
            offerer, acceptor = self.fair_end(world.offerer, world.acceptor)
            end = world._replace(offerer=offerer, acceptor=acceptor)
            _demand(ended_alike(end), f"they end as {offerer} and {acceptor}", explored, world)
            quiet = not any(self._under.to_say(side) for side in (offerer, acceptor) if side)
            _demand(quiet, f"ended, and yet it goes on: {offerer} and {acceptor}", explored, world)

    def when_nobody_objects(self, explored: Explored) -> None:
        """Once accepted, and with time enough, both publish."""
        for world in explored.worlds:
            acceptor = world.acceptor
            if acceptor is None or acceptor.state is State.OFFERED or {acceptor.state, world.offerer.state} & NEGATIVE:
                continue
            sides = self._talk(world.offerer, acceptor)
            published = {side.state for side in sides if side} == {State.PUBLISHED}
            _demand(published, f"accepted, and yet stuck at {sides}", explored, world)

    def _one_side_only(self, world: World) -> None:
        states = {world.offerer.state, world.acceptor.state if world.acceptor else State.OFFERED}
        assert not (State.PUBLISHED in states and states & NEGATIVE), f"one-sided: {states}"

    def _final_is_final(self, before: World, after: World) -> None:
        for role in Role:
            was, now = before.side(role), after.side(role)
            if was and now and was.state in FINAL:
                assert (was.state, was.ending) == (now.state, now.ending), (
                    f"the {role} left {was.state} for {now.state}"
                )

    def _published_with_reason(self, role: Role, world: World) -> None:
        side = world.side(role)
        published = (role, Effect.PUBLISH) in world.past
        assert published == (side is not None and side.state is State.PUBLISHED), f"the {role} is {side}: {world.past}"
        if published:
            assert (role, Act.ARRIVED) in world.past or not self._receives[role], f"the {role} had not everything"
            heard = Message.PREPARED if role is OFFERER else Message.RECEIPT
            assert (role, heard) in world.past, f"the {role} had not the other's signature"
            assert (OFFERER, Effect.SIGN) in world.past, "the offerer had not signed"
            assert (ACCEPTOR, Effect.SIGN) in world.past, "the acceptor had not signed"

    def _signed_with_reason(self, world: World) -> None:
        if (ACCEPTOR, Effect.SIGN) in world.past:
            assert (ACCEPTOR, Act.ARRIVED) in world.past or not self._receives[ACCEPTOR], "signed before all was there"
        if (ACCEPTOR, Message.PREPARED) in world.flight or (OFFERER, Message.PREPARED) in world.flight:
            assert (ACCEPTOR, Effect.SIGN) in world.past, "PREPARED without a signature"
        if any(event is Message.RECEIPT for _, event in world.flight):
            assert (OFFERER, Effect.SIGN) in world.past, "a receipt without the offerer's signature"
            assert world.acceptor, "a receipt for nobody"
            assert world.acceptor.state in (State.PREPARED, State.PUBLISHED), "a receipt, and the acceptor not prepared"

    def _fair_end(self, offerer: Swap, acceptor: Swap | None) -> tuple[Swap, Swap | None]:
        """Where they end when all that was on its way is lost, and no more is: time runs out only where it must."""
        offerer, acceptor = self._talk(offerer, acceptor)
        offerer = self._under.step(offerer, Act.EXPIRED).swap
        acceptor = acceptor and self._under.step(acceptor, Act.EXPIRED).swap
        return self._talk(offerer, acceptor)

    def _talk(self, offerer: Swap, acceptor: Swap | None) -> tuple[Swap, Swap | None]:
        sides: dict[Role, Swap | None] = {OFFERER: offerer, ACCEPTOR: acceptor}
        for _ in range(FULL):
            before = dict(sides)
            for role in Role:
                self._fetch(sides, role)
                self._speak(sides, role)
            if sides == before:
                break
        else:
            raise Violation(f"they go on for ever: {sides}")
        end = sides[OFFERER]
        assert end is not None
        return end, sides[ACCEPTOR]

    def _fetch(self, sides: dict[Role, Swap | None], role: Role) -> None:
        side, other = sides[role], sides[OTHER[role]]
        if side and other and side.state is State.ACCEPTED and not side.arrived and protocol.serves(other):
            sides[role] = self._under.step(side, Act.ARRIVED).swap

    def _speak(self, sides: dict[Role, Swap | None], role: Role) -> None:
        """Say what there is to say, and hear the answer to each."""
        side = sides[role]
        for message in self._under.to_say(side) if side else ():
            for event in self._hear(sides, OTHER[role], message):
                here = sides[role]
                assert here is not None
                sides[role] = self._under.step(here, event).swap

    def _hear(self, sides: dict[Role, Swap | None], role: Role, message: Message) -> tuple[Message | Act, ...]:
        here = sides[role]
        if here is None and message is not Message.OFFER:
            return (Act.UNKNOWN,)
        begun = protocol.begin(role, receives=self._receives[role])
        after = self._under.step(here, message).swap if here else begun
        sides[role] = after
        return self._under.view(after)


def _demand(holds: bool, what: str, explored: Explored, world: World) -> None:
    if not holds:
        raise Violation(f"{what}\n{explored.story(world)}")
