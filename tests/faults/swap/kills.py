"""Two hubs as processes that swap, each behind a gate: killed, cut off, and started again at random.

python -m faults.swap.kills [--points N] [--seed S]     (in tests/)
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tukar.exchange.receipts import verify
from tukar.testing.models import tiny_safetensors

from ..hub.process import Server
from .clerk import SETTINGS, Clerk
from .gate import Gate
from .troubles import KINDS, Trouble

_CARD = b"---\nlicense: apache-2.0\n---\n# A model\n"
_NAMES = ("ours", "theirs")
_PATIENCE = 90.0  # seconds in which a swap has to end once nothing troubles it any more
_GIVEN = "base"
_TAKEN = "child"


@dataclass
class Siege:
    """Two hubs that are peers.

    Attributes:
        points: what happened, and while which states were shown.
        ends: how the swaps ended.
    """

    clerks: tuple[Clerk, Clerk]
    random: Random
    points: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    def round(self, number: int) -> None:
        """One swap under some troubles; AssertionError if anything is not as it must be in the end."""
        ours, theirs = self.clerks
        contents = [_files(number, "base"), _files(number, "child")]
        ours.publish(_GIVEN, contents[0])
        theirs.publish(_TAKEN, contents[1])
        note = f"swap {number}"
        self._swap(note)
        self._look(note, contents)
        for clerk in self.clerks:
            for name in (_GIVEN, _TAKEN):
                clerk.delete(name)
            clerk.job("gc", {"grace": 0, "upload_window": 0})
            assert clerk.stored()["objects"] == 0, f"{clerk.name} keeps {clerk.stored()}"

    def _swap(self, note: str) -> None:
        waiting = [
            Trouble(self.random.choice(KINDS), self.random.choice(self.clerks), self.random)
            for _ in range(self.random.randrange(1, 5))
        ]
        cancels = self.random.choice(range(2)) if self.random.random() < 0.25 else None
        cancel_at = time.monotonic() + self.random.uniform(0.1, 3.0)
        deadline = time.monotonic() + _PATIENCE
        current: Trouble | None = None
        before = ""
        while True:
            if current is None and waiting:
                current = waiting.pop(0)
                current.begin()
            known = self._go_on(note)
            seen = None if cancels is None else known[cancels]
            if cancels is not None and seen is not None and time.monotonic() > cancel_at:
                if self.clerks[cancels].cancel(seen["id"]):
                    self.ends["cancelled by an operator"] += 1
                cancels = None
            ended = all(swap is not None and _is_settled(swap) for swap in known)
            if current is not None and current.is_over(ended):
                self.points[f"{current.kind}, {before}"] += 1
                current, deadline = None, time.monotonic() + _PATIENCE
            if ended and current is None:
                self.ends[_states(known)] += 1
                return
            assert time.monotonic() < deadline, f"the swap does not end: {known}"
            before = _states(known)
            time.sleep(0.02)

    def _go_on(self, note: str) -> list[dict[str, Any] | None]:
        """What the operators do: offer, accept once it is offered, and look; the swap as each hub shows it."""
        ours, theirs = self.clerks
        offered = ours.offer(note, _GIVEN, _TAKEN)
        asked = theirs.swap(note)
        if asked is not None and asked["state"] == "offered" and offered["open"]:
            theirs.accept(asked["id"])
        known = [ours.swap(note), theirs.swap(note)]
        assert all(swap is None or swap["says"].endswith(".") for swap in known), known
        if known[1] is None and offered["state"] == "cancelled":
            known[1] = offered  # it was cancelled before the other hub heard of it
        return known

    def _look(self, note: str, contents: list[dict[str, bytes]]) -> None:
        ours, theirs = self.clerks
        assert ours.files(_GIVEN) == contents[0], "what was there before is not as it was"
        assert theirs.files(_TAKEN) == contents[1], "what was there before is not as it was"
        came = [ours.files(_TAKEN), theirs.files(_GIVEN)]
        known = ours.swap(note)
        assert known is not None
        if known["state"] == "published":
            assert came == [contents[1], contents[0]], "what was handed over is not what it was"
            (receipt,) = ours.receipts(_TAKEN)
            for clerk in self.clerks:
                for name in (_GIVEN, _TAKEN):
                    assert clerk.receipts(name) == [receipt]
            assert verify(receipt).swap == known["id"]
        else:
            assert came == [None, None], "one side has it, and the other has not"
        for clerk in self.clerks:
            _wait_until_swept(clerk)
            assert clerk.job("check", {})["faults"] == []


def _files(number: int, which: str) -> dict[str, bytes]:
    """Two relatives, each with something of its own."""
    noise = Random(f"{which} {number}").randbytes(300_000)
    model = tiny_safetensors(number, metadata={"format": "pt", "is": which})
    return {"README.md": _CARD, "model.safetensors": model, "noise.bin": noise}


def _wait_until_swept(clerk: Clerk) -> None:
    """The end is shown as soon as it is stored; what is left of the quarantine goes right after that."""
    deadline = time.monotonic() + _PATIENCE
    while left := clerk.quarantine():
        assert time.monotonic() < deadline, f"{clerk.name} has not swept its quarantine: {left}"
        time.sleep(0.05)


def _is_settled(swap: dict[str, Any]) -> bool:
    return not swap["open"] and "nothing is left to do" in swap["says"]


def _states(known: list[dict[str, Any] | None]) -> str:
    return " and ".join("unknown" if swap is None else str(swap["state"]) for swap in known)


@contextmanager
def besieged(folder: Path, random: Random) -> Iterator[Siege]:
    """Two new hubs, each a peer of the other."""
    with ExitStack() as stack:
        clerks = tuple(_clerk(stack, folder, name) for name in _NAMES)
        for clerk in clerks:
            clerk.server.wait()
        for near, far in (clerks, clerks[::-1]):
            who = near.value("POST", "/api/tukar/peers/look", json={"url": far.gate.url})
            asked = {"url": far.gate.url, "fingerprint": who["fingerprint"], "name": far.name}
            near.value("POST", "/api/tukar/peers", json=asked)
        yield Siege((clerks[0], clerks[1]), random)


def _clerk(stack: ExitStack, folder: Path, name: str) -> Clerk:
    server = Server(folder / name)
    server.data.mkdir(parents=True)
    (server.data / "tukar.toml").write_text(SETTINGS)
    server.launch()
    stack.callback(server.kill)
    gate = stack.enter_context(Gate(server.port))
    clerk = Clerk(name, server, gate)
    stack.callback(clerk.http.close)
    return clerk


def siege(folder: Path, seed: int, *, swaps: int = 0, points: int = 0, seconds: float = 1e9) -> Siege:
    """So many swaps, or as many as have so many points, or for so long; what happened.

    AssertionError, with the seed and the ends of the logs, where something was wrong.
    """
    began = time.monotonic()
    with besieged(folder, Random(seed)) as made:
        number = 0
        while (number < swaps or made.points.total() < points) and time.monotonic() < began + seconds:
            try:
                made.round(number)
            except Exception as error:
                logs = "\n".join(clerk.server.log.read_text()[-2000:] for clerk in made.clerks)
                error.add_note(f"seed {seed}, swap {number}, {dict(made.points)}\n{logs}")
                raise
            number += 1
        made.ends["swaps"] = number
        return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        made = siege(Path(folder), asked.seed, points=asked.points, seconds=asked.seconds)
    for what, count in sorted(made.points.items()):
        print(f"{count:5} {what}")
    print(f"swaps: {made.ends.pop('swaps')}, at {made.points.total()} points, seed {asked.seed}; no fault")
    print(", ".join(f"{end} {count}" for end, count in made.ends.most_common()))
    print(f"time: {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
