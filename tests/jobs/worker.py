"""A worker process for test_processes: does one job, and says on its standard output where it is."""

from __future__ import annotations

import sys

from tukar.database import Database
from tukar.jobs import JobContext, Json, Runner


def greet(_: JobContext) -> Json:
    print("begun", flush=True)
    sys.stdin.readline()
    return "from the worker"


def main() -> None:
    url, lease_seconds = sys.argv[1:]
    runner = Runner(Database(url), {"greet": greet}, owner="worker", lease_seconds=float(lease_seconds))
    runner.run_one()
    print("ended", flush=True)


if __name__ == "__main__":
    main()
