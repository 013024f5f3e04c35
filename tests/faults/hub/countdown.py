"""`tukar`, killed with SIGKILL at a given step of what it does to its disk.

python -m faults.hub.countdown tukar's arguments...

Each line on standard input is a number N: the process dies just before or just after the N-th such step from then on
(odd: before). Steps are the calls of the operating system that change a file or make it durable, and the commits of
the database.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from tukar.cli import main

CALLS = ("fsync", "rename", "replace", "unlink", "mkdir", "write", "open")


class Countdown:
    """Kills this process when it reaches zero."""

    def __init__(self) -> None:
        self._left = 0
        self._lock = threading.Lock()

    def start(self, steps: int) -> None:
        self._left = steps

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with a tick on either side of it."""

        def carry_out(*arguments: Any, **named: Any) -> Any:
            self._tick()
            try:
                return call(*arguments, **named)
            finally:
                self._tick()

        return carry_out

    def _tick(self) -> None:
        with self._lock:
            if self._left > 0:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


def listen(countdown: Countdown) -> None:
    for line in sys.stdin:
        countdown.start(int(line))


if __name__ == "__main__":
    mine = Countdown()
    for name in CALLS:
        setattr(os, name, mine.counted(getattr(os, name)))
    SQLiteDialect_pysqlite.do_commit = mine.counted(SQLiteDialect_pysqlite.do_commit)  # type: ignore[method-assign]
    mine.start(int(os.environ.get("COUNTDOWN", "0")))
    threading.Thread(target=listen, args=(mine,), daemon=True).start()
    main()
