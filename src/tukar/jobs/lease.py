"""A runner's hold on the job that it works on: renewed by a thread of its own, looked at by the handler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tukar.database import Database
from tukar.errors import Unavailable
from tukar.jobs import queue
from tukar.jobs.values import Job, Progress

Clock = Callable[[], float]

logger = logging.getLogger(__name__)


class Lease:
    """One claim on one job. Once it is lost it stays lost."""

    def __init__(self, database: Database, job: Job, clock: Clock, seconds: float) -> None:
        self.job = job
        self.lost = False
        self.cancelled = False
        self._database = database
        self._clock = clock
        self._seconds = seconds
        self._until = job.leased_until or 0.0

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Renew it three times a lease for as long as the context lasts, so that two renewals may fail or be late."""
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), name=f"job {self.job.id} lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def look(self) -> None:
        """See in the database whether it still holds and whether the job is to be cancelled."""
        try:
            with self._database.read() as tx:
                job = queue.holding(tx, self.job)
        except Unavailable:
            return  # the heartbeat decides how long the lease holds without the database
        self.lost = self.lost or job is None
        self.cancelled = self.cancelled or (job is not None and job.cancel_requested)

    def report(self, progress: Progress) -> None:
        """Show how far the job is. Where that cannot be written now, the next report will do."""
        try:
            with self._database.write() as tx:
                held = queue.report(tx, self.job, progress)
        except Unavailable:
            return
        self.lost = self.lost or not held

    def renew(self) -> None:
        """Hold it for its full time again. Without the database, it is lost when it runs out."""
        now = self._clock()
        try:
            with self._database.write() as tx:
                held = queue.renew(tx, self.job, now, self._seconds)
        except Unavailable as error:
            logger.warning("job %d: its lease could not be renewed: %s", self.job.id, error)
            held = self._clock() < self._until
        else:
            self._until = now + self._seconds
        self.lost = self.lost or not held

    def _beat(self, ended: threading.Event) -> None:
        while not self.lost and not ended.wait(self._seconds / 3):
            self.renew()
