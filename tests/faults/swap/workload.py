"""A whole swap between two hubs below ROOT, with what was acknowledged noted on the way.

python -m faults.swap.workload ROOT prepare|swap|publishes-early     (in tests/)

``publishes-early`` is a hub that breaks the protocol, for the tests' own test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tukar.exchange import protocol
from tukar.exchange.states import Effect, Outcome, State
from tukar.testing.models import tiny_safetensors

from ..powercut import mark
from .party import Party, connect, introduce, open_party

BASE = tiny_safetensors(0)
CHILD = tiny_safetensors(0, metadata={"format": "pt", "made": "from the base"})
NAMES = ("ours", "theirs")
_WAL_PAGES = 10  # the log is taken over this often, instead of never in this short run


@contextmanager
def both(root: Path, other: Path | None = None) -> Iterator[tuple[Party, Party]]:
    """The two hubs below ``root``, the second one below ``other`` if it is given, connected."""
    with ExitStack() as stack:
        ours = stack.enter_context(open_party(NAMES[0], root / NAMES[0]))
        theirs = stack.enter_context(open_party(NAMES[1], (other or root) / NAMES[1]))
        connect(ours, theirs)
        yield ours, theirs


def prepare(root: Path) -> None:
    """Two hubs that know each other, each with a model."""
    with both(root) as (ours, theirs):
        introduce(ours, theirs)
        ours.publish("base", BASE)
        theirs.publish("child", CHILD)


def run(root: Path) -> None:
    with both(root) as (ours, theirs):
        mark(root, "begun")
        swap_id = ours.offer("theirs")
        mark(root, f"offered {swap_id}")
        ours.run(swap_id)
        theirs.accept(swap_id)
        mark(root, f"accepted {swap_id}")
        for party in (theirs, ours, theirs, ours):
            party.run(swap_id)
            if party.record(swap_id).swap.state is State.PUBLISHED:
                mark(root, f"published {party.name}")
        mark(root, "ended")


def publish_early() -> None:
    """The acceptor publishes when it signs, instead of when both have."""

    def step(swap: Any, what: Any) -> Outcome:
        outcome = as_it_is(swap, what)
        if outcome.swap.state is State.PREPARED and Effect.SIGN in outcome.effects:
            return replace(outcome, effects=(*outcome.effects, Effect.PUBLISH))
        return outcome

    as_it_is, protocol.step = protocol.step, step


def take_over_often(connection: Any, _: Any) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")


if __name__ == "__main__":
    event.listen(Engine, "connect", take_over_often)
    folder, what = Path(sys.argv[1]), sys.argv[2]
    if what == "prepare":
        prepare(folder)
    else:
        if what == "publishes-early":
            publish_early()
        run(folder)
