"""Power cuts without a power switch: record what a real program does to a folder, then build what a cut could leave.

::

    trace = record([sys.executable, "workload.py", folder], folder)  # the program runs once, under a recorder
    for cut in trace.cuts():
        state = tmp_path / f"{cut}"
        trace.build(cut, seed=1, mode="random", into=state)  # a folder as a disk might show it after a cut there
        check(state, trace.markers_before(cut))  # open it with the real program

The program says what it has promised so far with :func:`mark`. What a cut may leave, and what not, is written down in
:mod:`.simulator`.
"""

from .marking import mark
from .recording import RecordingError, can_record, record
from .simulator import Mode, Trace

__all__ = ["Mode", "RecordingError", "Trace", "can_record", "mark", "record"]
