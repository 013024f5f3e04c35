"""Two hubs that trust each other, as processes, and their operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hub import ADMIN_TOKEN, Commands, HubProcess, wait_for


@dataclass
class Party:
    """A hub and the commands of its operator."""

    hub: HubProcess
    tukar: Commands

    def swap(self, swap_id: str) -> Any:
        return self.tukar.json("swap", "status", swap_id)

    def wait_for(self, swap_id: str, state: str) -> None:
        wait_for(lambda: swap_id in self.swaps() and self.swaps()[swap_id]["state"] == state)

    def swaps(self) -> dict[str, Any]:
        return {each["id"]: each for each in self.tukar.json("swap", "status")}


@dataclass
class Pair:
    """Ours and theirs; each calls the other by these names."""

    ours: Party
    theirs: Party

    def offer(self, *arguments: object) -> str:
        """Ours offers theirs a swap, and it has arrived there; its id."""
        made = self.ours.tukar.json("swap", "offer", "theirs", *arguments)
        wait_for(lambda: made["id"] in self.theirs.swaps())
        return str(made["id"])


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Two new hubs."""
    made = []
    for name in ("ours", "theirs"):
        hub = HubProcess(folder / name, settings={"TUKAR_ADMIN_TOKEN": ADMIN_TOKEN, "TUKAR_SWAP_PAUSE": "0.1"}).start()
        home = folder / f"home-{name}"
        home.mkdir()
        made.append(Party(hub, Commands(hub.url, home)))
    try:
        for near, far, name in ((made[0], made[1], "theirs"), (made[1], made[0], "ours")):
            fingerprint = far.tukar.json("identity", "show")["fingerprint"]
            near.tukar.json("peer", "add", far.hub.url, "--fingerprint", fingerprint, "--name", name)
        yield Pair(*made)
    finally:
        for party in made:
            if party.hub.process.poll() is None:
                party.hub.stop()
