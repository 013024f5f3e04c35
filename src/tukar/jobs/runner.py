"""The threads that work through the queue."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeAlias

from tukar.database import Database, Transaction
from tukar.errors import Invalid, TukarError, Unavailable
from tukar.jobs import queue, schedule
from tukar.jobs.bell import Bell
from tukar.jobs.context import Cancelled, JobContext, LeaseLost, Stopping
from tukar.jobs.lease import Clock, Lease
from tukar.jobs.schedule import Every
from tukar.jobs.values import Job, Json, to_json, to_text

Handler: TypeAlias = Callable[[JobContext], Json]
_Ending: TypeAlias = Callable[[Transaction, float], bool]

KEEP_SECONDS: Final = 30 * 86400.0
_PRUNE_SECONDS: Final = 3600.0
_MAX_UNFORESEEN: Final = 300  # characters of an error that is not ours; the log has all of it

logger = logging.getLogger(__name__)


class Runner:
    """Claims jobs and does them, in threads of this process. Many runners, anywhere, may share a database.

    Args:
        handlers: who does which kind; jobs of other kinds are left alone. A handler may be called anew for a job that
            it did, in part or whole: after a crash, or when its lease was lost. It must not mind.
        recurring: what to submit again and again, and when.
        clock: seconds since the epoch.
        owner: the name under which jobs are claimed; by default host, process and a random part.
        threads: how many jobs at a time.
        at_once: of a kind, how many at a time; those that are not named may take every thread.
        lease_seconds: after how long without a sign of life others take a job over.
        poll_seconds: how often to look for jobs that others submitted, or that became due.
        retry_seconds: the pause after the first failed attempt; it doubles with each.
        keep_seconds: how long ended jobs are kept.

    Raises:
        Invalid: a recurring job that no handler does, or numbers that make no sense.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        recurring: Iterable[Every] = (),
        clock: Clock = time.time,
        owner: str | None = None,
        threads: int = 1,
        at_once: Mapping[str, int] | None = None,
        lease_seconds: float = 60.0,
        poll_seconds: float = 5.0,
        retry_seconds: float = queue.RETRY_SECONDS,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._database = database
        self._handlers = dict(handlers)
        self._recurring = tuple(recurring)
        self._clock = clock
        self._owner = owner or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        # The last one of a recurring job is what tells when the next is due.
        self._keep_seconds = max([keep_seconds, *(2 * every.seconds for every in self._recurring)])
        self._pruned_at: float | None = None
        self._bell = Bell()
        self._stopping = threading.Event()
        self._at_once = dict(at_once or {})
        self._running: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._work, name=f"jobs {n}", daemon=True) for n in range(threads)]
        self._check()

    def start(self) -> None:
        """Start the threads. A runner starts once."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for jobs at once: to be called after the transaction that submitted one."""
        self._bell.ring()

    def stop(self, timeout: float | None = None) -> bool:
        """Claim nothing more, let handlers end at their next checkpoint, and wait for that.

        Returns whether all ended within ``timeout`` seconds (None: however long it takes). What did not is left
        running; others take it over when its lease runs out.
        """
        self._stopping.set()
        self._bell.ring()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def run_one(self) -> bool:
        """Do the next job that is due, in this thread; False if there is none."""
        with self._counting:
            job = self._claim([kind for kind in self._handlers if not self._is_full(kind)])
            if job is None:
                return False
            self._running[job.kind] += 1
        try:
            self._do(job)
        finally:
            with self._counting:
                self._running[job.kind] -= 1
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _check(self) -> None:
        strangers = sorted({every.kind for every in self._recurring} - self._handlers.keys())
        if strangers:
            raise Invalid(f"nothing handles the recurring jobs of kind {', '.join(strangers)}")
        if not self._threads or min(self._lease_seconds, self._poll_seconds) <= 0:
            raise Invalid("a runner needs a thread, and a lease and a poll of more than 0 seconds")

    def _work(self) -> None:
        while not self._stopping.is_set():
            rung = self._bell.count  # before looking: what is submitted after the look rings again
            if not self._try_one():
                self._bell.wait(rung, self._poll_seconds)

    def _try_one(self) -> bool:
        try:
            return self.run_one()
        except Unavailable as error:
            logger.warning("no jobs are done for now: %s", error)
        except Exception:
            logger.exception("the runner failed outside of a job; it goes on after %s s", self._poll_seconds)
        return False

    def _is_full(self, kind: str) -> bool:
        return kind in self._at_once and self._running[kind] >= self._at_once[kind]

    def _claim(self, kinds: Collection[str]) -> Job | None:
        with self._database.write() as tx:
            now = self._clock()
            self._prune(tx, now)
            schedule.submit_due(tx, self._recurring, now)
            return queue.claim(tx, kinds, self._owner, now, self._lease_seconds)

    def _prune(self, tx: Transaction, now: float) -> None:
        if self._pruned_at is None or not 0 <= now - self._pruned_at < _PRUNE_SECONDS:
            queue.prune(tx, now - self._keep_seconds)
            self._pruned_at = now

    def _do(self, job: Job) -> None:
        lease = Lease(self._database, job, self._clock, self._lease_seconds)
        context = JobContext(lease, self._clock, self._stopping)
        with lease.heartbeat():
            ending = self._attempt(context)
            if ending is not None:
                self._record(context, ending)

    def _attempt(self, context: JobContext) -> _Ending | None:
        """Let the handler work; what is to be recorded in the end, or None if it is no longer this worker's to say."""
        job = context.job
        try:
            result = self._handlers[job.kind](context)
            to_json(result, f"what the handler of {job.kind} returned")  # fails the attempt, not the record of it
        except LeaseLost:
            logger.warning("job %d (%s): its lease was lost, so the attempt was given up", job.id, job.kind)
            return None
        except Cancelled:
            return lambda tx, now: queue.abandon(tx, job, now)
        except Stopping:
            return lambda tx, now: queue.release(tx, job, now)
        except TukarError as error:
            return partial(self._fail, job, str(error))
        except (Exception, SystemExit) as error:  # a library that exits must not take the thread with it
            logger.exception("job %d (%s) failed", job.id, job.kind)
            return partial(self._fail, job, to_text(f"{type(error).__name__}: {error}", _MAX_UNFORESEEN))
        return lambda tx, now: queue.complete(tx, job, result, now)

    def _fail(self, job: Job, error: str, tx: Transaction, now: float) -> bool:
        return queue.fail(tx, job, error, now, retry_seconds=self._retry_seconds)

    def _record(self, context: JobContext, ending: _Ending) -> None:
        """Write how it ended. Hours of work may hang on it: if the database is away, try until it is back."""
        while not self._recorded(context, ending):
            if self._stopping.wait(self._poll_seconds):
                return

    def _recorded(self, context: JobContext, ending: _Ending) -> bool:
        job = context.job
        try:
            with self._database.write() as tx:
                queue.report(tx, job, context.latest)
                held = ending(tx, self._clock())
        except Unavailable as error:
            logger.warning("job %d: how it ended cannot be written now: %s", job.id, error)
            return False
        if not held:
            logger.warning("job %d (%s): its lease was lost, so its end is discarded", job.id, job.kind)
        return True
