"""Waiting for a swap to end, which it does by itself."""

from __future__ import annotations

import time
from typing import Final

from tukar.cli.administration import Value
from tukar.cli.exchanging import Exchange
from tukar.cli.output import Meter, Output

_FIRST_LOOK, _LONGEST_LOOK, _GROWTH = 0.1, 2.0, 1.3  # seconds between looks at a swap
_SAME: Final = ("state", "says", "error")


def wait(hub: Exchange, found: Value, output: Output) -> Value:
    """The swap once it has ended. What changes on the way is told; Ctrl-C ends the waiting, not the swap."""
    pause = _FIRST_LOOK
    try:
        with output.meter("Wait") as meter:
            _tell(found, output)
            while found["open"]:
                _show(found, meter)
                time.sleep(pause)
                now = hub.swap(found["id"])
                pause = min(pause * _GROWTH, _LONGEST_LOOK)
                if any(now[name] != found[name] for name in _SAME):
                    _tell(now, output)
                    pause = _FIRST_LOOK
                found = now
    except KeyboardInterrupt:
        output.note(f"the swap goes on; how it stands: tukar swap status {found['id'][:12]}")
        raise
    return found


def _tell(found: Value, output: Output) -> None:
    if found["open"]:
        output.note(f"{found['state']}: {found['says']}")
        if found["error"]:
            output.note(f"  it does not go on now: {found['error']}")


def _show(found: Value, meter: Meter) -> None:
    meter.label(found["state"].capitalize())
    meter.total(found["total_bytes"] or None)
    meter.at(found["fetched_bytes"] + found["avoided_bytes"])
