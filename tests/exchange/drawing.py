"""The transitions of a swap as docs/design/swap.md shows them. `python -m tests.exchange.drawing` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tukar.exchange import protocol
from tukar.exchange.states import Act, Effect, Event, Message, Outcome, Role, State, Swap

PAGE = Path(__file__).parents[2] / "docs" / "design" / "swap.md"
MARKED = re.compile(r"(<!-- transitions of the (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
EVENTS: tuple[Event, ...] = (*Act, *Message)

Step: TypeAlias = tuple[Swap, Event, Outcome]


class Row(NamedTuple):
    """A line of the table: what an event leads to, and in which case if that makes a difference."""

    state: State
    event: Event
    case: str
    effects: tuple[Effect, ...]
    after: State


def sides() -> list[Swap]:
    """Every side that `step` can make of a new offer, whatever the other hub does; by state."""
    found = [protocol.begin(role, receives=receives) for role in Role for receives in (True, False)]
    for swap in found:  # grows while it is walked
        outcomes = (protocol.step(swap, event).swap for event in EVENTS)
        found.extend(after for after in dict.fromkeys(outcomes) if after not in found)
    return sorted(found, key=lambda side: list(State).index(side.state))


def transitions() -> list[Step]:
    """Every step of `sides` that changes it."""
    steps = ((side, event, protocol.step(side, event)) for side in sides() for event in EVENTS)
    return [(side, event, outcome) for side, event, outcome in steps if outcome.swap != side]


def draw(role: Role) -> str:
    """A diagram, and a table with the effects."""
    return "\n".join(["", "```mermaid", *_diagram(role), "```", "", *_table(role), "", ""])


def drawn(page: str) -> str:
    """The page with every drawing in it made anew."""
    return MARKED.sub(lambda match: match[1] + draw(Role(match[2])) + match[3], page)


def rows(role: Role, steps: Iterable[Step]) -> list[Row]:
    """What these steps come to for a role, in the words of the table."""
    found: dict[tuple[State, Event], dict[str, tuple[tuple[Effect, ...], State]]] = {}
    for side, event, outcome in steps:
        if side.role is role:
            result = (outcome.effects, outcome.swap.state)
            assert found.setdefault((side.state, event), {}).setdefault(_case(side), result) == result
    return [
        Row(state, event, case, *result)
        for (state, event), cases in found.items()
        for case, result in _told_apart(cases).items()
    ]


def _told_apart(cases: dict[str, tuple[tuple[Effect, ...], State]]) -> dict[str, tuple[tuple[Effect, ...], State]]:
    return cases if len(set(cases.values())) > 1 else {"": next(iter(cases.values()))}


def _case(side: Swap) -> str:
    if side.state is State.OFFERED:
        return "nothing is to come here" if side.arrived else "something is to come here"
    if side.state is State.ACCEPTED:
        return "the signature is here" if side.signed else "the signature is not here"
    return ""


def _diagram(role: Role) -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.OFFERED}"
    edges: dict[tuple[State, State], list[str]] = {}
    for row in rows(role, transitions()):
        label = f"{_name(row.event)} ({row.case})" if row.case else _name(row.event)
        edges.setdefault((row.state, row.after), []).append(label)
    for (state, after), labels in edges.items():
        yield f"    {state} --> {after}: {' / '.join(labels)}"
    for state in (State.PUBLISHED, State.REFUSED, State.CANCELLED):
        yield f"    {state} --> [*]"


def _table(role: Role) -> Iterator[str]:
    yield "| State | Event | If | Effects | State after |"
    yield "|---|---|---|---|---|"
    for row in rows(role, transitions()):
        effects = ", ".join(row.effects) or "–"
        yield f"| {row.state} | {_name(row.event)} | {row.case} | {effects} | {row.after} |"


def _name(event: Event) -> str:
    return f"{event.value} comes" if isinstance(event, Message) else event.value


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
