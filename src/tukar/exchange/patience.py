"""How long another hub is waited for: it may be slow, silent or hostile, and is not to hold a thread as it likes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

Checkpoint = Callable[[], None]
"""Returns if one may go on; whatever it raises ends what waits. Called several times a second."""

EXCHANGE: Final = 60.0
"""Seconds that a request and its whole answer may take, with every attempt and the pauses between."""
LEAST_RATE: Final = 256
"""Bytes a second of a long answer that are enough to go on waiting for the rest."""
LOOK: Final = 0.2
"""Seconds, at most, from one checkpoint to the next."""


class Patience:
    """Seconds to spend on waiting. Where there is a rate, bytes that came earn them back, up to what they were.

    So without a rate it is a limit to the whole. With one, it lasts for as long as bytes come at that rate, averaged
    over ``seconds``; time that passes otherwise than by waiting does not count.
    """

    def __init__(self, seconds: float, checkpoint: Checkpoint = lambda: None, rate: float | None = None) -> None:
        self._seconds = self._left = seconds
        self._checkpoint, self._rate = checkpoint, rate

    def spend(self, seconds: float) -> None:
        """So long was waited. TimeoutError once it is used up, and whatever the checkpoint raises."""
        self._checkpoint()
        self._left -= seconds
        if self._left <= 0:
            slower = f", or for {self._rate:g} bytes a second" if self._rate else ""
            raise TimeoutError(f"it was waited for as long as {self._seconds:g} seconds{slower}")

    def earn(self, nbytes: int) -> None:
        """So many bytes have passed."""
        if self._rate:
            self._left = min(self._seconds, self._left + nbytes / self._rate)

    def pause(self, seconds: float) -> None:
        """Wait for nothing. Raises as `spend`; at once, if there is not so much left."""
        if seconds >= self._left:
            self.spend(seconds)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            step = min(left, LOOK)
            self.spend(step)
            time.sleep(step)
