"""What can happen to a hub while it swaps: each is one point of a campaign."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from random import Random

from ..hub.process import Died
from .clerk import Clerk

_MOST_STEPS = 140  # of the disk, until a counted kill
_MOST_SECONDS = 1.0  # until one by the clock, and for which a hub is away or nobody gets through
_MOST_BYTES = 700_000  # more than a side's part of a swap

KINDS = ("killed at a step", "killed at a step", "killed at a step", "killed at a time", "cut", "cut", "kept away")


@dataclass
class Trouble:
    """``kind`` is what happens to the hub of ``clerk``."""

    kind: str
    clerk: Clerk
    random: Random
    _until: float = 0.0
    _process: object = None

    def begin(self) -> None:
        """Let it come."""
        self._process = self.clerk.server.process
        self._until = time.monotonic() + self.random.random() * _MOST_SECONDS
        match self.kind:
            case "killed at a step":
                self.clerk.server.arm(self.random.randrange(1, _MOST_STEPS))
            case "cut":
                self.clerk.gate.cut_after(int(_MOST_BYTES ** self.random.random()))
            case "kept away":
                self.clerk.gate.close()

    def is_over(self, ended: bool) -> bool:
        """Whether it has happened, and the hub is back. ``ended``: the swap has; then it comes now, if it can."""
        match self.kind:
            case "killed at a step" | "killed at a time":
                return self._is_killed(ended)
            case "cut":
                if ended:
                    self.clerk.gate.open()
                return self.clerk.gate.has_cut
            case _:
                if time.monotonic() < self._until:
                    return False
                self.clerk.gate.open()
                return True

    def _is_killed(self, ended: bool) -> bool:
        process = self.clerk.server.process
        if process is not self._process:  # its operator was the first to find it dead, and started it again
            return True
        late = self.kind == "killed at a time" and time.monotonic() > self._until
        if process.poll() is None and (ended or late):
            self.clerk.server.kill()
        if process.poll() is None:
            return False
        assert process.wait() == -signal.SIGKILL
        time.sleep(self.random.choice((0.0, 0.0, self.random.random() * _MOST_SECONDS)))
        if self.random.random() < 0.2:
            self._kill_at_start()
        self.clerk.server.start()
        return True

    def _kill_at_start(self) -> None:
        try:
            self.clerk.server.start(self.random.randrange(1, 120))
            self.clerk.server.kill()  # it served before the countdown ended
        except Died:
            pass
        self.kind += ", and at the start"
