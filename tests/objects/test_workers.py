"""Threads that work ahead give their results in order, and stop when nobody takes them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from tukar.objects.workers import Workers


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_their_items(count: int) -> None:
    late = threading.Event()

    def work(item: int) -> int:
        if item == 0 and count > 1:
            late.wait(10)
        else:
            late.set()
        return item * item

    with Workers(count) as workers, closing(workers.ahead(work, range(20))) as results:
        assert list(results) == [item * item for item in range(20)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_failure_comes_in_its_turn(count: int) -> None:
    with Workers(count) as workers, closing(workers.ahead((6).__floordiv__, [1, 2, 0, 3])) as results:
        assert [next(results), next(results)] == [6, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)


@pytest.mark.parametrize(("count", "most"), [(1, 1), (2, 4)])
def test_what_nobody_takes_is_not_begun(count: int, most: int) -> None:
    begun: list[int] = []
    with Workers(count) as workers:
        with closing(workers.ahead(begun.append, range(100))) as results:
            next(results)
        again = list(workers.ahead(str, [1]))
    assert again == ["1"]
    assert 1 <= len(begun) <= most


_NICENESS = """
import os, sys, threading
from tukar.objects.workers import Workers
os.nice(int(sys.argv[1]))
with Workers(2) as workers:
    look = lambda _: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    print(*set(workers.ahead(look, range(4))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize(("inherited", "own"), [(0, 10), (15, 15)])
def test_they_give_way_and_take_nothing_back(inherited: int, own: int) -> None:
    already = os.getpriority(os.PRIO_PROCESS, 0)
    command = [sys.executable, "-c", _NICENESS, str(inherited)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(told) == min(max(own, inherited + already), 19)


def test_they_work_where_they_may_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "setpriority", refuse)
    with Workers(2) as workers:
        assert list(workers.ahead(str, [1, 2])) == ["1", "2"]
