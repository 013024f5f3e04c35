"""What a handler sees of its job, and the ways in which it can be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from tukar.jobs.lease import Clock, Lease
from tukar.jobs.values import Json, Progress

LOOK_SECONDS: Final = 1.0  # how often at most a handler's calls reach the database, for each of its two methods


class Interrupted(Exception):
    """The handler is to end now: clean up, and let this pass. Not an error: the runner knows what to do."""


class Cancelled(Interrupted):
    """The job is no longer wanted. A handler may raise this itself when it finds that there is nothing to do it for."""


class LeaseLost(Interrupted):
    """The job was, or may be, taken over by another worker: whatever this one returns is discarded."""


class Stopping(Interrupted):
    """The runner stops: the job goes back to the queue, and this attempt does not count."""


class JobContext:
    """A handler's side of the job that it works on. For use in the handler's threads, outside of any transaction."""

    def __init__(self, lease: Lease, clock: Clock, stopping: threading.Event) -> None:
        self.job = lease.job
        self.latest = Progress()
        self._lease = lease
        self._stopping = stopping
        self._reports = _Throttle(clock)
        self._looks = _Throttle(clock)

    @property
    def payload(self) -> Mapping[str, Json]:
        """The arguments that the job was submitted with."""
        return self.job.payload

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Tell how far the job is; cheap to call often, for it is written once a second at most."""
        self.latest = Progress(done, total, note)
        if self._reports.due():
            self._lease.report(self.latest)

    def checkpoint(self) -> None:
        """Return if the handler may go on; to be called every second or so, wherever it can end cleanly.

        Raises:
            LeaseLost: another worker may have the job.
            Cancelled: someone asked for the job not to be done.
            Stopping: the runner was told to stop.
        """
        if self._looks.due():
            self._lease.look()
        if self._lease.lost:
            raise LeaseLost(f"job {self.job.id}")
        if self._lease.cancelled:
            raise Cancelled(f"job {self.job.id}")
        if self._stopping.is_set():
            raise Stopping(f"job {self.job.id}")


class _Throttle:
    """Says yes at once, and then at most every ``LOOK_SECONDS``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: float | None = None

    def due(self) -> bool:
        now = self._clock()
        # A clock that was set back must not silence it until it has caught up.
        if self._last is not None and 0 <= now - self._last < LOOK_SECONDS:
            return False
        self._last = now
        return True
