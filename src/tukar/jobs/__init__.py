"""Work that nobody waits for: jobs as leased rows of the database, and a runner that works through them.

``queue`` is what can be done with the rows, ``runner`` the threads that claim them, ``context`` what a handler sees.
"""

from tukar.jobs.context import Cancelled, Interrupted, JobContext, LeaseLost, Stopping
from tukar.jobs.runner import Handler, Runner
from tukar.jobs.schedule import Every
from tukar.jobs.values import Job, JobState, Json, Progress

__all__ = [
    "Cancelled",
    "Every",
    "Handler",
    "Interrupted",
    "Job",
    "JobContext",
    "JobState",
    "Json",
    "LeaseLost",
    "Progress",
    "Runner",
    "Stopping",
]
