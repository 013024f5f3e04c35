"""A bell that wakes every thread that waits for it."""

from __future__ import annotations

import threading


class Bell:
    """Counts its rings, so that one between a look and the wait that follows is not missed."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def ring(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, count: int, timeout: float) -> bool:
        """Until it has rung more than ``count`` times, at most ``timeout`` seconds; whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count > count, timeout)
